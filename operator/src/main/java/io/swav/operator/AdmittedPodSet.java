package io.swav.operator;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Toleration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What the pods of an admitted Workload get beside their template, so that they run where their quota is: node labels and
 * tolerations of the assigned flavors, and what admission checks ask for. As Kueue's own integrations do, it only adds.
 *
 * @param flavors names of the assigned ResourceFlavors
 * @param additions of admission checks, and of flavors once they have been read
 */
record AdmittedPodSet(Set<String> flavors, List<Addition> additions) {
    /** The label by which Kueue queues single pods; those of a job that is queued as a whole must not have it. */
    private static final String QUEUE_LABEL = KueueWorkload.QUEUE_LABEL;

    /**
     * Parts of a pod that are added to it.
     *
     * @param from for messages: "ResourceFlavor spot"
     */
    record Addition(
            String from,
            Map<String, String> labels,
            Map<String, String> annotations,
            Map<String, String> nodeSelector,
            List<Toleration> tolerations) {}

    AdmittedPodSet {
        flavors = Set.copyOf(flavors);
        additions = List.copyOf(additions);
    }

    /** Returns the same with what the flavors add. */
    AdmittedPodSet with(List<Addition> ofFlavors) {
        List<Addition> all = new ArrayList<>(additions);
        all.addAll(ofFlavors);
        return new AdmittedPodSet(flavors, all);
    }

    /** Adds everything to a pod that is about to be created; returns what contradicts the pod, empty if nothing does. */
    Optional<String> addTo(Pod pod) {
        for (Addition addition : additions) {
            Optional<String> conflict = addTo(pod, addition);
            if (conflict.isPresent()) {
                return conflict;
            }
        }
        return Optional.empty();
    }

    private static Optional<String> addTo(Pod pod, Addition addition) {
        Map<String, String> labels = copy(pod.getMetadata().getLabels());
        Map<String, String> annotations = copy(pod.getMetadata().getAnnotations());
        Map<String, String> selector = copy(pod.getSpec().getNodeSelector());
        Optional<String> conflict = merge(addition.from(), "label", labels, addition.labels())
                .or(() -> merge(addition.from(), "annotation", annotations, addition.annotations()))
                .or(() -> merge(addition.from(), "nodeSelector", selector, addition.nodeSelector()));
        if (conflict.isPresent()) {
            return conflict;
        }
        pod.getMetadata().setLabels(labels);
        pod.getMetadata().setAnnotations(annotations);
        pod.getSpec().setNodeSelector(selector);
        List<Toleration> tolerations = new ArrayList<>(pod.getSpec().getTolerations());
        Set<Toleration> there = new HashSet<>(tolerations);
        addition.tolerations().stream().filter(there::add).forEach(tolerations::add);
        pod.getSpec().setTolerations(tolerations);
        return Optional.empty();
    }

    private static Optional<String> merge(
            String from, String what, Map<String, String> into, Map<String, String> added) {
        for (Map.Entry<String, String> entry : added.entrySet()) {
            String there = into.putIfAbsent(entry.getKey(), entry.getValue());
            if (there != null && !there.equals(entry.getValue())) {
                return Optional.of(from + " asks for " + what + " " + entry.getKey() + "=" + entry.getValue()
                        + ", but the pod has " + there);
            }
        }
        return Optional.empty();
    }

    /** Takes the label from a pod by which Kueue would queue it a second time, by itself. */
    static void withoutQueueLabel(Pod pod) {
        Map<String, String> labels = copy(pod.getMetadata().getLabels());
        if (labels.remove(QUEUE_LABEL) != null) {
            pod.getMetadata().setLabels(labels);
        }
    }

    private static Map<String, String> copy(@Nullable Map<String, String> map) {
        return new TreeMap<>(map == null ? Map.of() : map);
    }
}
