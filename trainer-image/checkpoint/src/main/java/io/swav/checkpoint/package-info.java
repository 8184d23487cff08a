/**
 * Checkpoints: stores (folder, S3), the file format, and the catalog that lists, verifies and prunes them. A
 * checkpoint becomes visible at once and whole, or not at all. Nothing here knows when to save or what the arrays
 * mean.
 */
@NullMarked
package io.swav.checkpoint;

import org.jspecify.annotations.NullMarked;
