/**
 * Collective operations among the ranks of a world, and the handshake by which ranks connect over TCP. A sum in one
 * order for every world size ({@code TreeSum}) is here too. Nothing here knows why a world exists or what its arrays
 * mean.
 */
@NullMarked
package io.swav.collective;

import org.jspecify.annotations.NullMarked;
