/** Membership, agreement, the world document. */
@NullMarked
package io.swav.membership;

import org.jspecify.annotations.NullMarked;
