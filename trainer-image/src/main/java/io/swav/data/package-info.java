/** Shards, sampler, multi-crop. */
@NullMarked
package io.swav.data;

import org.jspecify.annotations.NullMarked;
