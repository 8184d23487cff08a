package io.swav.operator;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeSpec;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What plans may depend on in a node: labels, taints and whatever else its spec has, the state of its conditions, and
 * whether it is being deleted. Annotations are not among them: agents write them all the time. A kubelet writes a node's
 * status every ten seconds; plans for all jobs on it follow only if these facts have changed.
 */
record NodeFacts(
        Map<String, String> labels,
        @Nullable NodeSpec spec,
        List<String> conditions,
        @Nullable String deletedAt) {

    static NodeFacts of(Node node) {
        return new NodeFacts(
                Optional.ofNullable(node.getMetadata().getLabels()).orElse(Map.of()),
                node.getSpec(),
                Optional.ofNullable(node.getStatus()).stream()
                        .flatMap(status -> status.getConditions().stream())
                        // without the time of the last heartbeat, with the message: some signals are in it alone
                        .map(condition -> condition.getType() + " " + condition.getStatus() + " "
                                + condition.getReason() + " " + condition.getMessage())
                        .toList(),
                node.getMetadata().getDeletionTimestamp());
    }

    /** Whether a change of a node can change a plan. */
    static boolean differ(Node before, Node after) {
        return !of(before).equals(of(after));
    }
}
