package io.swav.local;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.Toleration;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Chooses a node for a pod: a node that is ready and not cordoned, whose taints are tolerated, whose labels match the
 * nodeSelector, and which has room for the requests; of those the one with the fewest pods. Ignores affinity, spreading
 * and preemption.
 */
final class PodScheduler {
    sealed interface Placement permits Bind, Unschedulable {}

    record Bind(String node) implements Placement {}

    /** @param why the reason, worded as by Kubernetes' own scheduler */
    record Unschedulable(String why) implements Placement {}

    private PodScheduler() {}

    /** @param placed the pods that have a node, including ended ones */
    static Placement place(Pod pod, List<Node> nodes, List<Pod> placed) {
        Map<String, Integer> reasons = new TreeMap<>();
        List<Node> fit = new ArrayList<>();
        for (Node node : nodes) {
            Optional<String> against = objection(pod, node, placed);
            against.ifPresentOrElse(why -> reasons.merge(why, 1, Integer::sum), () -> fit.add(node));
        }
        Optional<Node> best = fit.stream()
                .min(Comparator.<Node>comparingLong(n -> on(n, placed).size())
                        .thenComparing(n -> n.getMetadata().getName()));
        return best.<Placement>map(n -> new Bind(n.getMetadata().getName()))
                .orElseGet(() -> new Unschedulable("0/" + nodes.size() + " nodes are available: "
                        + reasons.entrySet().stream()
                                .map(e -> e.getValue() + " " + e.getKey())
                                .collect(Collectors.joining(", "))
                        + "."));
    }

    private static Optional<String> objection(Pod pod, Node node, List<Pod> placed) {
        if (!ready(node)) {
            return Optional.of("node(s) were not ready");
        }
        if (Boolean.TRUE.equals(node.getSpec().getUnschedulable())) {
            return Optional.of("node(s) were unschedulable");
        }
        for (Taint taint : node.getSpec().getTaints()) {
            if (!taint.getEffect().equals("PreferNoSchedule")
                    && pod.getSpec().getTolerations().stream().noneMatch(t -> tolerates(t, taint))) {
                return Optional.of("node(s) had untolerated taint {" + taint.getKey() + ": " + value(taint) + "}");
            }
        }
        if (!node.getMetadata()
                .getLabels()
                .entrySet()
                .containsAll(pod.getSpec().getNodeSelector().entrySet())) {
            return Optional.of("node(s) didn't match Pod's node affinity/selector");
        }
        Map<String, BigDecimal> used = new HashMap<>();
        on(node, placed).forEach(p -> requests(p).forEach((name, n) -> used.merge(name, n, BigDecimal::add)));
        for (Map.Entry<String, BigDecimal> request : requests(pod).entrySet()) {
            Quantity has = node.getStatus().getAllocatable().get(request.getKey());
            BigDecimal room = has == null ? BigDecimal.ZERO : has.getNumericalAmount();
            if (used.getOrDefault(request.getKey(), BigDecimal.ZERO)
                            .add(request.getValue())
                            .compareTo(room)
                    > 0) {
                return Optional.of("Insufficient " + request.getKey());
            }
        }
        return Optional.empty();
    }

    private static boolean ready(Node node) {
        return node.getStatus() != null
                && node.getStatus().getConditions().stream()
                        .filter(c -> c.getType().equals("Ready"))
                        .map(NodeCondition::getStatus)
                        .anyMatch("True"::equals);
    }

    static boolean tolerates(Toleration toleration, Taint taint) {
        boolean effect = empty(toleration.getEffect()) || toleration.getEffect().equals(taint.getEffect());
        if (!effect) {
            return false;
        }
        if ("Exists".equals(toleration.getOperator())) {
            return empty(toleration.getKey()) || toleration.getKey().equals(taint.getKey());
        }
        return taint.getKey().equals(toleration.getKey())
                && value(taint).equals(toleration.getValue() == null ? "" : toleration.getValue());
    }

    private static String value(Taint taint) {
        return taint.getValue() == null ? "" : taint.getValue();
    }

    private static boolean empty(@Nullable String text) {
        return text == null || text.isEmpty();
    }

    private static List<Pod> on(Node node, List<Pod> placed) {
        return placed.stream()
                .filter(p -> node.getMetadata().getName().equals(p.getSpec().getNodeName()))
                .filter(p -> p.getStatus() == null
                        || !List.of("Succeeded", "Failed")
                                .contains(String.valueOf(p.getStatus().getPhase())))
                .toList();
    }

    /** The requests, summed over the containers; a limit without a request counts as a request. */
    private static Map<String, BigDecimal> requests(Pod pod) {
        Map<String, BigDecimal> sum = new HashMap<>();
        pod.getSpec().getContainers().stream()
                .filter(c -> c.getResources() != null)
                .forEach(c -> {
                    Map<String, Quantity> asked = new HashMap<>(c.getResources().getLimits());
                    asked.putAll(c.getResources().getRequests());
                    asked.forEach((name, quantity) -> sum.merge(name, quantity.getNumericalAmount(), BigDecimal::add));
                });
        return sum;
    }
}
