/** Interop with libtorch. */
@NullMarked
package io.swav.numerics;

import org.jspecify.annotations.NullMarked;
