/** The paper: model, prototypes, Sinkhorn, loss, LARC, schedules. */
@NullMarked
package io.swav.swav;

import org.jspecify.annotations.NullMarked;
