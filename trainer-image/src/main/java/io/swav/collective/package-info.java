/** Collective operations among the ranks of a world, over TCP sockets or NCCL. */
@NullMarked
package io.swav.collective;

import org.jspecify.annotations.NullMarked;
