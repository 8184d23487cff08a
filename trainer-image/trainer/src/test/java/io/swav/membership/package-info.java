/** Tests of membership, the state election, and the world document; a model of the whole protocol. */
@NullMarked
package io.swav.membership;

import org.jspecify.annotations.NullMarked;
