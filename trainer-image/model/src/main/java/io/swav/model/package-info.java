/**
 * The paper in code: networks, prototypes, Sinkhorn, the swapped prediction loss, LARC, learning rates, and the step
 * that combines them. Ranks appear only as a {@code Collective} and the groups that each rank holds. Nothing here
 * reads files, worlds or clocks.
 */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
