/** Compares this code with numbers that the reference implementation produced. */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
