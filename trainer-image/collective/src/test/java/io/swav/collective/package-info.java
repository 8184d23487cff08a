/** Tests of the collectives' contract, the tree sum, and the handshake. */
@NullMarked
package io.swav.collective;

import org.jspecify.annotations.NullMarked;
