/** Tests of the package. */
@NullMarked
package io.swav.tensor;

import org.jspecify.annotations.NullMarked;
