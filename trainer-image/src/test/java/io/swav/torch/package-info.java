/** Interop with libtorch. */
@NullMarked
package io.swav.torch;

import org.jspecify.annotations.NullMarked;
