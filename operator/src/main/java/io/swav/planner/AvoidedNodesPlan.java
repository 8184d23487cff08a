package io.swav.planner;

import io.swav.api.SwavJobStatus.AvoidedNode;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The nodes that pods created in this plan keep off.
 *
 * @param avoided by the time of their last failure
 * @param begun those that were not avoided before
 * @param strict whether pods must keep off them, not only prefer other nodes
 */
public record AvoidedNodesPlan(List<AvoidedNode> avoided, List<AvoidedNode> begun, boolean strict) {
    public static final AvoidedNodesPlan NONE = new AvoidedNodesPlan(List.of(), List.of(), true);

    public AvoidedNodesPlan {
        avoided = List.copyOf(avoided);
        begun = List.copyOf(begun);
    }

    static AvoidedNodesPlan of(NodeAvoidance limits, NodeFailures before, NodeFailures after) {
        Set<String> known =
                before.avoided(limits).stream().map(AvoidedNode::node).collect(Collectors.toSet());
        List<AvoidedNode> avoided = after.avoided(limits);
        return new AvoidedNodesPlan(
                avoided,
                avoided.stream().filter(node -> !known.contains(node.node())).toList(),
                !after.yielded());
    }

    /** Returns the names of the nodes. */
    public Set<String> names() {
        return avoided.stream().map(AvoidedNode::node).collect(Collectors.toSet());
    }
}
