/** kNN, linear probe, export. */
@NullMarked
package io.swav.eval;

import org.jspecify.annotations.NullMarked;
