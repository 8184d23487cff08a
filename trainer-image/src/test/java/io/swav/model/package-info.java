/** Model, step and optimizer. */
@NullMarked
package io.swav.model;

import org.jspecify.annotations.NullMarked;
