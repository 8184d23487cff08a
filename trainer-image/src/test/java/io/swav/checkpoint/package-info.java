/** Checkpoints whole, damaged, foreign and left behind. */
@NullMarked
package io.swav.checkpoint;

import org.jspecify.annotations.NullMarked;
