package io.swav.operator;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.operator.Signal.Reaction;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Reads the {@link Signal}s of a pod and its node. A notice lasts as long as its signal is there: Karpenter and the cluster
 * autoscaler take a taint back if the node stays, and Kubernetes a condition DisruptionTarget that no deletion followed.
 *
 * @param removalTaints more taints that announce the end of a node, of this cluster's own tools
 */
record Signals(List<TaintPattern> removalTaints) {
    static final Signals BUILT_IN = new Signals(List.of());

    Signals {
        removalTaints = List.copyOf(removalTaints);
    }

    /** Returns why the pod is about to leave; empty if it has no notice. */
    Optional<String> notice(Pod pod, Optional<Node> node) {
        return disruption(pod)
                .or(() -> node.flatMap(this::removal))
                .or(() -> Optional.ofNullable(pod.getMetadata().getDeletionTimestamp())
                        .map(at -> "the pod was deleted"));
    }

    /** Returns why the pod's node may go, though not for certain or not soon; empty if nothing suggests it. */
    static Optional<String> hint(Optional<Node> node) {
        return node.flatMap(there -> first(there, Reaction.HINT)
                .map(signal -> signal == Signal.CORDON
                        ? "node " + there.getMetadata().getName() + " is cordoned"
                        : "node " + there.getMetadata().getName() + " may be removed (" + signal.words() + ")"));
    }

    /** Returns why nothing is heard of the pod's node; empty if it responds, or if the pod has no node. */
    static Optional<String> silence(Pod pod, Optional<Node> node) {
        String name = pod.getSpec().getNodeName();
        if (name == null) {
            return Optional.empty();
        }
        if (node.isEmpty()) {
            return Optional.of("node " + name + " no longer exists");
        }
        return node.filter(Signal.NOT_READY::isOn).map(there -> "node " + name + " is not responding");
    }

    private static Optional<String> disruption(Pod pod) {
        return PodClassifier.condition(pod, "DisruptionTarget")
                .filter(condition -> "True".equals(condition.getStatus()))
                .map(condition -> {
                    String reason = Optional.ofNullable(condition.getReason()).orElse("DisruptionTarget");
                    return Optional.ofNullable(condition.getMessage())
                            .filter(message -> !message.isBlank())
                            .map(message -> reason + ": " + message)
                            .orElse(reason);
                });
    }

    private Optional<String> removal(Node node) {
        Optional<String> own = Signal.taints(node).stream()
                .flatMap(taint -> removalTaints.stream().filter(pattern -> pattern.matches(taint)))
                .findFirst()
                .map(pattern -> "taint " + pattern);
        return first(node, Reaction.NOTICE)
                .map(Signal::words)
                .or(() -> own)
                .map(words -> "node " + node.getMetadata().getName() + " is about to be removed (" + words + ")");
    }

    private static Optional<Signal> first(Node node, Reaction reaction) {
        return Stream.of(Signal.values())
                .filter(signal -> signal.reaction() == reaction && signal.isOn(node))
                .findFirst();
    }

    static Stream<NodeCondition> conditions(Node node) {
        return node.getStatus() == null ? Stream.of() : node.getStatus().getConditions().stream();
    }
}
