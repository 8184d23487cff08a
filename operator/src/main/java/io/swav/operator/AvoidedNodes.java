package io.swav.operator;

import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.AffinityBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeAffinity;
import io.fabric8.kubernetes.api.model.NodeAffinityBuilder;
import io.fabric8.kubernetes.api.model.NodeSelector;
import io.fabric8.kubernetes.api.model.NodeSelectorBuilder;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirement;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirementBuilder;
import io.fabric8.kubernetes.api.model.NodeSelectorTerm;
import io.fabric8.kubernetes.api.model.NodeSelectorTermBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PreferredSchedulingTermBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.Toleration;
import io.swav.api.ResourceNames;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a pod off the nodes that its job avoids, by node affinity on the label kubernetes.io/hostname, beside what the
 * template has. Node affinity by metadata.name is exact, but Karpenter refuses pods that have it.
 */
final class AvoidedNodes {
    private static final String HOSTNAME = "kubernetes.io/hostname";
    private static final int HIGHEST_WEIGHT = 100;

    private AvoidedNodes() {}

    /**
     * Adds the affinity to a pod that is about to be created.
     *
     * @param avoided names of nodes
     * @param strict whether the pod must keep off them; it only prefers other nodes anyway if none of them could take it
     * @param nodes of the cluster
     */
    static void keepOff(Pod pod, Set<String> avoided, boolean strict, Collection<Node> nodes) {
        if (avoided.isEmpty()) {
            return;
        }
        NodeSelectorRequirement others = new NodeSelectorRequirementBuilder()
                .withKey(HOSTNAME)
                .withOperator("NotIn")
                .withValues(List.copyOf(hostnames(avoided, nodes)))
                .build();
        PodSpec spec = pod.getSpec();
        if (strict && nodes.stream().anyMatch(node -> !avoided.contains(name(node)) && couldTake(node, spec))) {
            spec.setAffinity(required(spec.getAffinity(), others));
            Map<String, String> annotations = new TreeMap<>(
                    Optional.ofNullable(pod.getMetadata().getAnnotations()).orElse(Map.of()));
            annotations.put(ResourceNames.ANNOTATION_KEPT_OFF, String.join(",", new TreeSet<>(avoided)));
            pod.getMetadata().setAnnotations(annotations);
        } else {
            spec.setAffinity(preferred(spec.getAffinity(), others));
        }
    }

    /** Whether a pod was created so that it must keep off some nodes. */
    static boolean isKeptOff(Pod pod) {
        return Optional.ofNullable(pod.getMetadata().getAnnotations())
                .filter(all -> all.containsKey(ResourceNames.ANNOTATION_KEPT_OFF))
                .isPresent();
    }

    /** Returns the values of the label; a node that is gone had its name, as far as is known. */
    private static Set<String> hostnames(Set<String> avoided, Collection<Node> nodes) {
        Map<String, String> byName = new TreeMap<>();
        avoided.forEach(name -> byName.put(name, name));
        for (Node node : nodes) {
            Optional.ofNullable(node.getMetadata().getLabels())
                    .map(labels -> labels.get(HOSTNAME))
                    .ifPresent(hostname -> byName.replace(name(node), hostname));
        }
        return new TreeSet<>(byName.values());
    }

    /** A required term holds if one of several does, so each of them gets the requirement. */
    private static Affinity required(@Nullable Affinity affinity, NodeSelectorRequirement others) {
        NodeAffinity before = nodeAffinity(affinity);
        NodeSelector selector = before.getRequiredDuringSchedulingIgnoredDuringExecution();
        List<NodeSelectorTerm> terms = new ArrayList<>();
        if (selector != null) {
            selector.getNodeSelectorTerms().stream()
                    .map(term -> new NodeSelectorTermBuilder(term)
                            .addToMatchExpressions(others)
                            .build())
                    .forEach(terms::add);
        }
        if (terms.isEmpty()) {
            terms.add(new NodeSelectorTermBuilder().withMatchExpressions(others).build());
        }
        return with(
                affinity,
                new NodeAffinityBuilder(before)
                        .withRequiredDuringSchedulingIgnoredDuringExecution(new NodeSelectorBuilder()
                                .withNodeSelectorTerms(terms)
                                .build())
                        .build());
    }

    private static Affinity preferred(@Nullable Affinity affinity, NodeSelectorRequirement others) {
        return with(
                affinity,
                new NodeAffinityBuilder(nodeAffinity(affinity))
                        .addToPreferredDuringSchedulingIgnoredDuringExecution(new PreferredSchedulingTermBuilder()
                                .withWeight(HIGHEST_WEIGHT)
                                .withPreference(new NodeSelectorTermBuilder()
                                        .withMatchExpressions(others)
                                        .build())
                                .build())
                        .build());
    }

    private static NodeAffinity nodeAffinity(@Nullable Affinity affinity) {
        return affinity == null || affinity.getNodeAffinity() == null
                ? new NodeAffinityBuilder().build()
                : affinity.getNodeAffinity();
    }

    private static Affinity with(@Nullable Affinity affinity, NodeAffinity nodes) {
        return (affinity == null ? new AffinityBuilder() : new AffinityBuilder(affinity))
                .withNodeAffinity(nodes)
                .build();
    }

    /** Whether a node accepts new pods, and this one by its labels and taints; whether it has room is the scheduler's. */
    private static boolean couldTake(Node node, PodSpec pod) {
        boolean open = !Signal.CORDON.isOn(node) && !Signal.NOT_READY.isOn(node);
        Map<String, String> labels =
                Optional.ofNullable(node.getMetadata().getLabels()).orElse(Map.of());
        boolean selected = Optional.ofNullable(pod.getNodeSelector()).orElse(Map.of()).entrySet().stream()
                .allMatch(wanted -> wanted.getValue().equals(labels.get(wanted.getKey())));
        boolean tolerated = Signal.taints(node).stream()
                .filter(taint -> !"PreferNoSchedule".equals(taint.getEffect()))
                .allMatch(taint -> pod.getTolerations().stream().anyMatch(one -> tolerates(one, taint)));
        return open && selected && tolerated;
    }

    private static boolean tolerates(Toleration toleration, Taint taint) {
        boolean key = isEmpty(toleration.getKey()) || toleration.getKey().equals(taint.getKey());
        boolean effect =
                isEmpty(toleration.getEffect()) || toleration.getEffect().equals(taint.getEffect());
        boolean value = "Exists".equals(toleration.getOperator())
                || Optional.ofNullable(toleration.getValue())
                        .orElse("")
                        .equals(Optional.ofNullable(taint.getValue()).orElse(""));
        return key && effect && value;
    }

    private static boolean isEmpty(@Nullable String text) {
        return text == null || text.isEmpty();
    }

    private static String name(Node node) {
        return node.getMetadata().getName();
    }
}
