/**
 * {@code swav storm}: trains a job through kills, termination notices, hangs, resizes and node losses, and compares it
 * with the same job undisturbed.
 */
@NullMarked
package io.swav.chaos;

import org.jspecify.annotations.NullMarked;
