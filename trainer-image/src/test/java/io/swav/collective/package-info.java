/** Contract of the collectives, the tree sum, the handshake. */
@NullMarked
package io.swav.collective;

import org.jspecify.annotations.NullMarked;
