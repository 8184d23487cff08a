/** The paper: model, prototypes, Sinkhorn, loss, LARC, schedules. */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
