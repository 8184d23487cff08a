/**
 * The same collective operations among GPUs, over NCCL. A communicator is formed over the connected sockets of a
 * world, watched, and aborted if a peer is lost. Nothing outside this package calls NCCL.
 */
@NullMarked
package io.swav.collective.nccl;

import org.jspecify.annotations.NullMarked;
