/**
 * What training needs of libtorch and CUDA beyond DJL's own API: fused operations, streams, pinned memory, and access
 * to the bytes of arrays. This and {@code io.swav.collective.nccl} are the only packages that use JavaCPP's bindings.
 * Nothing here knows the paper, the data or other ranks.
 */
@NullMarked
package io.swav.torch;

import org.jspecify.annotations.NullMarked;
