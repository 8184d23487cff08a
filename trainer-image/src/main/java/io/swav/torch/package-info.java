/** The only package that uses libtorch beyond DJL's own API. */
@NullMarked
package io.swav.torch;

import org.jspecify.annotations.NullMarked;
