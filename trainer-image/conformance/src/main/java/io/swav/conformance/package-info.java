/**
 * Compares this code with numbers that the reference implementation produced, {@code swav golden}. Each case runs in a
 * child process, so that a crash hides no other case. The product does not depend on this module, and the trainer's
 * image does not contain it.
 */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
