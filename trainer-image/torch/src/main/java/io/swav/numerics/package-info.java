/**
 * Checks at every start that this machine computes correctly: a canary compares the kernels that training uses with
 * plain arithmetic. A kernel that may end the process runs in a child process first. Nothing here knows jobs, data or
 * models.
 */
@NullMarked
package io.swav.numerics;

import org.jspecify.annotations.NullMarked;
