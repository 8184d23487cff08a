/** Stores, format, catalogue. */
@NullMarked
package io.swav.checkpoint;

import org.jspecify.annotations.NullMarked;
