/** This code against numbers that the reference printed. */
@NullMarked
package io.swav.golden;

import org.jspecify.annotations.NullMarked;
