/**
 * Whether this machine computes right. A canary compares the kernels that training uses with plain arithmetic at every
 * start; nothing here knows of jobs, data or models.
 */
@NullMarked
package io.swav.numerics;

import org.jspecify.annotations.NullMarked;
