/** The container images, as far as they can be checked without building them. */
@NullMarked
package io.swav.images;

import org.jspecify.annotations.NullMarked;
