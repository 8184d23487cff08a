/**
 * The training data: WebDataset shards and image folders, the global order of samples, multi-crop augmentation, and
 * the threads that prepare crops ahead of need. Every random choice is keyed by seed, epoch and sample, so that any
 * rank can make any group. Nothing here knows the world or the model.
 */
@NullMarked
package io.swav.data;

import org.jspecify.annotations.NullMarked;
