/** Tests of the interop with libtorch, and stubs of the CUDA runtime. */
@NullMarked
package io.swav.torch;

import org.jspecify.annotations.NullMarked;
