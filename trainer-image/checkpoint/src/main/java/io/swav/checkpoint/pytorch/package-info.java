/**
 * PyTorch's files: what {@code torch.save} writes is read without running any of its code, and weights are written as
 * {@code torch.load} reads them.
 */
@NullMarked
package io.swav.checkpoint.pytorch;

import org.jspecify.annotations.NullMarked;
