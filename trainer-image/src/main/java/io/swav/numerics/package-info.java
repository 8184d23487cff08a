/**
 * Checks at every start that this machine computes correctly: a canary compares the kernels that training uses with
 * plain arithmetic. This package does not depend on jobs, data or models.
 */
@NullMarked
package io.swav.numerics;

import org.jspecify.annotations.NullMarked;
