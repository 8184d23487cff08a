/** The step loop, schedules of the run, progress, main. */
@NullMarked
package io.swav.train;

import org.jspecify.annotations.NullMarked;
