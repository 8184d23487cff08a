/** This code against numbers that the reference printed. */
@NullMarked
package io.swav.conformance;

import org.jspecify.annotations.NullMarked;
