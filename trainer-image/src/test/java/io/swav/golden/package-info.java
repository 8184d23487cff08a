/** Fixtures of the reference. */
@NullMarked
package io.swav.golden;

import org.jspecify.annotations.NullMarked;
