/** Fixtures of the reference. */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
