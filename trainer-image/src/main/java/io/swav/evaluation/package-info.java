/** Measures frozen backbones by kNN and a linear probe, and exports them. */
@NullMarked
package io.swav.evaluation;

import org.jspecify.annotations.NullMarked;
