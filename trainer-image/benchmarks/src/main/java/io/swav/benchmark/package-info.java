/**
 * Measures parts of the trainer, {@code swav bench}: steps, saves, crops, Sinkhorn and collectives. Benchmarks print
 * figures and check none. The product does not depend on this module, and the trainer's image does not contain it.
 */
@NullMarked
package io.swav.benchmark;

import org.jspecify.annotations.NullMarked;
