/** Collective operations among ranks. */
@NullMarked
package io.swav.collective;

import org.jspecify.annotations.NullMarked;
