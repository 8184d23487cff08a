/** Tests of the package. */
@NullMarked
package io.swav.swav;

import org.jspecify.annotations.NullMarked;
