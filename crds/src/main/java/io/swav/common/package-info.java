/** Small helpers that all modules use, without knowledge of jobs or clusters. */
@NullMarked
package io.swav.common;

import org.jspecify.annotations.NullMarked;
