/** The step loop, schedules of the run, progress, main. */
@NullMarked
package io.swav.trainer;

import org.jspecify.annotations.NullMarked;
