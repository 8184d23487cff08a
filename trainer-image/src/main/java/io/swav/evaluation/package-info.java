/** kNN, linear probe, export. */
@NullMarked
package io.swav.evaluation;

import org.jspecify.annotations.NullMarked;
