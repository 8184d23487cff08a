/**
 * The paper in code: model, prototypes, Sinkhorn, loss, LARC, learning rate and the training step.
 *
 * <p>An array that crosses methods ends in its shape: {@code scoresBK} is (B, K). B: rows of a group, a micro-batch or
 * the global batch, as the Javadoc says. F: features of the backbone. D: features of an embedding. K: prototypes. A:
 * assigned crops; AK is the flat A·K. A list of arrays takes the suffix of its elements. What has the shape of something
 * that is named beside it, such as a parameter or the input of a layer, takes no suffix.
 */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
