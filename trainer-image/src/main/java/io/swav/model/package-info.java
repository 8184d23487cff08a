/** The paper in code: model, prototypes, Sinkhorn, loss, LARC, learning rate and the training step. */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
