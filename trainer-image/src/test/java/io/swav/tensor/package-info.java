/** Interop with libtorch. */
@NullMarked
package io.swav.tensor;

import org.jspecify.annotations.NullMarked;
