/** Tests of checkpoints: whole, damaged, foreign and superseded. */
@NullMarked
package io.swav.checkpoint;

import org.jspecify.annotations.NullMarked;
