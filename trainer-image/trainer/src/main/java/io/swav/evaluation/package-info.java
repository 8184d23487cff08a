/**
 * Measures frozen backbones by kNN and a linear probe, and exports them. It reads checkpoints and images, and it
 * trains no backbone. Nothing here knows worlds or ranks.
 */
@NullMarked
package io.swav.evaluation;

import org.jspecify.annotations.NullMarked;
