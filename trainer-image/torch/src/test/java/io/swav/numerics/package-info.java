/** Tests of the check that this machine computes correctly. */
@NullMarked
package io.swav.numerics;

import org.jspecify.annotations.NullMarked;
