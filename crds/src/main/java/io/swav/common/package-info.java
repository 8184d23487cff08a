/**
 * Helpers of a few lines that operator, trainer and local cluster all need. Each stands on the JDK or on one library
 * alone. Nothing here knows what a job, a world or a model is.
 */
@NullMarked
package io.swav.common;

import org.jspecify.annotations.NullMarked;
