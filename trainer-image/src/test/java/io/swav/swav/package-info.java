/** Model, step and optimizer. */
@NullMarked
package io.swav.swav;

import org.jspecify.annotations.NullMarked;
