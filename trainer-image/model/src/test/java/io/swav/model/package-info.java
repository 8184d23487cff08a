/** Tests of the model, the step and the optimizer. */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
