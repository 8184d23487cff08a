/** Membership, agreement, the world document. */
@NullMarked
package io.swav.elastic;

import org.jspecify.annotations.NullMarked;
