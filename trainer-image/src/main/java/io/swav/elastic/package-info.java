/** Joining, leaving, regrouping, state transfer. */
@NullMarked
package io.swav.elastic;

import org.jspecify.annotations.NullMarked;
