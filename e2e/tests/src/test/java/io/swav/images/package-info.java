/** Checks the container images as far as possible without building them. */
@NullMarked
package io.swav.images;

import org.jspecify.annotations.NullMarked;
