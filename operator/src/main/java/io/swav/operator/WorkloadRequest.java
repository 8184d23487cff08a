package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.swav.api.SwavJob;
import io.swav.planner.JobPolicy;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a job asks Kueue for: as many pods of its template as it wants, spares included, or at least as many as form a world.
 *
 * @param queue name of the LocalQueue
 * @param pods wanted
 * @param min fewest with which the job may be admitted
 * @param pod as the operator would create it
 * @param priority class that decides the order in the queue; empty for priority 0
 */
record WorkloadRequest(String queue, int pods, int min, PodSpec pod, Optional<PriorityClassName> priority) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String UID_LABEL = KueueWorkload.GROUP + "/job-uid";
    /** Parameters of Kueue's ProvisioningRequests, which its integrations copy from the job. */
    private static final String PROVISIONING = "provreq.kueue.x-k8s.io/";

    /**
     * A class of priorities.
     *
     * @param kind WorkloadPriorityClass or PriorityClass
     */
    record PriorityClassName(String kind, String name) {
        static final String OF_WORKLOADS = "WorkloadPriorityClass";
        static final String OF_PODS = "PriorityClass";

        boolean isOfWorkloads() {
            return kind.equals(OF_WORKLOADS);
        }
    }

    /**
     * Returns what a job asks for.
     *
     * @param policy without what a queue allows
     */
    static WorkloadRequest of(SwavJob job, JsonNode template, String queue, JobPolicy policy) {
        Pod pod = TrainerPod.of(job, template, job.getMetadata().getName());
        Optional<PriorityClassName> ofJob = label(job, KueueWorkload.PRIORITY_LABEL)
                .map(name -> new PriorityClassName(PriorityClassName.OF_WORKLOADS, name));
        return new WorkloadRequest(
                queue,
                policy.pods(),
                policy.min(),
                pod.getSpec(),
                ofJob.or(() -> Optional.ofNullable(pod.getSpec().getPriorityClassName())
                        .filter(name -> !name.isEmpty())
                        .map(name -> new PriorityClassName(PriorityClassName.OF_PODS, name))));
    }

    /** Returns the queue that the job names; empty if it is not queued. */
    static Optional<String> queue(SwavJob job) {
        return label(job, KueueWorkload.QUEUE_LABEL);
    }

    private static Optional<String> label(SwavJob job, String key) {
        return Optional.ofNullable(job.getMetadata().getLabels())
                .map(labels -> labels.get(key))
                .filter(value -> !value.isEmpty());
    }

    /** Returns the name of its priority class; empty if it has none. */
    String priorityClass() {
        return priority.map(PriorityClassName::name).orElse("");
    }

    /**
     * Returns the object to create.
     *
     * @param apiVersion "kueue.x-k8s.io/v1beta2"
     * @param priorityValue of the class; empty without one
     */
    GenericKubernetesResource toCreate(SwavJob job, String apiVersion, Optional<Integer> priorityValue) {
        ObjectNode object = JSON.createObjectNode();
        object.put("apiVersion", apiVersion).put("kind", "Workload");
        object.set("metadata", JSON.valueToTree(metadata(job)));
        object.set("spec", spec(apiVersion, priorityValue));
        return JSON.convertValue(object, GenericKubernetesResource.class);
    }

    /**
     * Returns labels and owner that the object has to have, and the annotations with which it is created. Annotations of the
     * job decide about partial preemption, which otherwise is allowed.
     */
    static ObjectMeta metadata(SwavJob job) {
        ObjectMeta meta =
                OwnerMetadata.meta(job, KueueWorkload.name(job.getMetadata().getName()));
        Map<String, String> labels = new TreeMap<>(meta.getLabels());
        labels.put(UID_LABEL, job.getMetadata().getUid());
        meta.setLabels(labels);
        Map<String, String> annotations =
                new TreeMap<>(Objects.requireNonNullElse(job.getMetadata().getAnnotations(), Map.of()));
        annotations
                .keySet()
                .removeIf(key -> !key.startsWith(PROVISIONING) && !key.startsWith(KueueWorkload.PARTIAL_PREEMPTION));
        annotations.putIfAbsent(KueueWorkload.PARTIAL_PREEMPTION, "true");
        meta.setAnnotations(annotations);
        return meta;
    }

    /** Returns the part of the object's spec that the operator decides; {@code active} is a person's and Kueue's. */
    ObjectNode spec(String apiVersion, Optional<Integer> priorityValue) {
        ObjectNode podSet = JSON.createObjectNode();
        podSet.put("name", KueueWorkload.POD_SET).put("count", pods);
        if (min < pods) {
            podSet.put("minCount", min);
        }
        podSet.putObject("template").set("spec", JSON.valueToTree(pod));
        ObjectNode spec = JSON.createObjectNode();
        spec.put("queueName", queue);
        spec.putArray("podSets").add(podSet);
        priority.ifPresent(name -> addPriority(spec, apiVersion, name));
        priorityValue.ifPresent(value -> spec.put("priority", value));
        return spec;
    }

    private static void addPriority(ObjectNode spec, String apiVersion, PriorityClassName name) {
        String group = name.isOfWorkloads() ? KueueWorkload.GROUP : "scheduling.k8s.io";
        if (apiVersion.endsWith("/v1beta1")) {
            spec.put("priorityClassName", name.name())
                    .put(
                            "priorityClassSource",
                            group + (name.isOfWorkloads() ? "/workloadpriorityclass" : "/priorityclass"));
        } else {
            spec.putObject("priorityClassRef")
                    .put("group", group)
                    .put("kind", name.kind())
                    .put("name", name.name());
        }
    }

    /** Whether a Workload asks for this, so that Kueue queues the right thing. */
    boolean isAskedBy(KueueWorkload workload) {
        PodSpec there = workload.podSpec();
        return workload.podSets() == 1
                && workload.count() == pods
                && workload.minCount().filter(count -> count != min).isEmpty()
                && workload.queue().equals(queue)
                && workload.priorityClass().equals(priorityClass())
                && hasRequestsOf(workload)
                && Objects.equals(there.getNodeSelector(), pod.getNodeSelector())
                && Objects.equals(there.getTolerations(), pod.getTolerations())
                && Objects.equals(there.getAffinity(), pod.getAffinity());
    }

    /** Whether pods may run on what the Workload was admitted for. */
    boolean isCoveredBy(KueueWorkload workload) {
        return workload.podSets() == 1 && workload.queue().equals(queue) && hasRequestsOf(workload);
    }

    private boolean hasRequestsOf(KueueWorkload workload) {
        return PodRequests.of(workload.podSpec()).equals(PodRequests.of(pod));
    }
}
