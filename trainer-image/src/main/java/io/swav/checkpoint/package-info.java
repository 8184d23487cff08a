/** Checkpoint stores, the file format, and the catalogue of checkpoints. */
@NullMarked
package io.swav.checkpoint;

import org.jspecify.annotations.NullMarked;
