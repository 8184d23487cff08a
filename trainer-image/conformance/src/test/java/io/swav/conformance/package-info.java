/** Tests of the comparison with the reference, and its fixtures. */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
