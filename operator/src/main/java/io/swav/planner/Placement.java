package io.swav.planner;

import java.util.Optional;

/**
 * Describes where a pod runs, and where it may not.
 *
 * @param node its name, empty if the pod has none
 * @param hint why the node may go, though nobody has to leave it yet
 * @param keptOff whether the pod may not run on the nodes that its job avoided when it was created
 */
public record Placement(String node, Optional<String> hint, boolean keptOff) {
    static final Placement NONE = on("");

    /** Returns a place without a hint, for a pod that may run on any node. */
    public static Placement on(String node) {
        return new Placement(node, Optional.empty(), false);
    }
}
