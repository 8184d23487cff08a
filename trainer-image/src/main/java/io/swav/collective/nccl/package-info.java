/** Collectives among GPUs, over NCCL. */
@NullMarked
package io.swav.collective.nccl;

import org.jspecify.annotations.NullMarked;
