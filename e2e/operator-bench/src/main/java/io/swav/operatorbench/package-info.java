/**
 * {@code swav bench operator}: many jobs on a cluster of its own, with simulated nodes and trainers, and what they cost
 * the operator and the API server.
 */
@NullMarked
package io.swav.operatorbench;

import org.jspecify.annotations.NullMarked;
