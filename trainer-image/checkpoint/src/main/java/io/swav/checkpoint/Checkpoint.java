package io.swav.checkpoint;

import java.util.Map;

/**
 * The complete state of a training.
 *
 * @param model tensors by torchvision's names (backbone), {@code projection_head.*} and {@code prototypes.*}
 * @param optimizer momentum by the parameter's name
 */
public record Checkpoint(CheckpointState state, Map<String, HostTensor> model, Map<String, HostTensor> optimizer) {}
