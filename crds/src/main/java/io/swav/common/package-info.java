/**
 * Helpers of a few lines that several modules need. Each stands on the JDK or on one library
 * alone. Nothing here knows what a job, a world or a model is.
 */
@NullMarked
package io.swav.common;

import org.jspecify.annotations.NullMarked;
