/**
 * The training data: data sets (WebDataset shards and image folders), the global sample order, multi-crop augmentation,
 * and the threads that prepare crops ahead of need.
 */
@NullMarked
package io.swav.data;

import org.jspecify.annotations.NullMarked;
