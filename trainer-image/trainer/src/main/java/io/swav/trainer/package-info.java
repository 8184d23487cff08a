/**
 * The trainer's main class: its commands, the step loop, when to save, and what a trainer reports. It combines the
 * other packages of the trainer and decides nothing about the cluster. Benchmarks and comparisons with the reference
 * are not here, because they do not belong in the image.
 */
@NullMarked
package io.swav.trainer;

import org.jspecify.annotations.NullMarked;
