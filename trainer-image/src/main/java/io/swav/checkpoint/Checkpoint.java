package io.swav.checkpoint;

import java.util.Map;

/**
 * A whole state of training.
 *
 * @param model by torchvision's names (backbone), {@code projection_head.*} and {@code prototypes.*}
 * @param optimizer momentum by the parameter's name
 */
public record Checkpoint(CheckpointState state, Map<String, HostTensor> model, Map<String, HostTensor> optimizer) {}
