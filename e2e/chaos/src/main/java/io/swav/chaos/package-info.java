/**
 * {@code swav storm}: trains a job through kills, termination notices, hangs, resizes and node losses, and compares it
 * with the same job undisturbed. It judges by what trainers recorded in their journals. Faults are injected from
 * outside: no product class knows that it is being tested.
 */
@NullMarked
package io.swav.chaos;

import org.jspecify.annotations.NullMarked;
