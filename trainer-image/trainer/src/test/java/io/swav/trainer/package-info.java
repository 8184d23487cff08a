/** Tests of the step loop through every change of its world, with real processes. */
@NullMarked
package io.swav.trainer;

import org.jspecify.annotations.NullMarked;
