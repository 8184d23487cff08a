/** Joining, leaving, regrouping, state transfer. */
@NullMarked
package io.swav.membership;

import org.jspecify.annotations.NullMarked;
