package io.swav.operator;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.World;
import io.swav.planner.JobPolicy;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes what {@link PreemptionCost} says into annotations of pods and of Kueue's Workloads, each at most once a minute. */
final class CostAnnotations {
    static final String OF_POD = "controller.kubernetes.io/pod-deletion-cost";
    static final String OF_WORKLOAD = "kueue.x-k8s.io/priority-boost";

    private static final Logger LOG = LoggerFactory.getLogger(CostAnnotations.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration EVERY = Duration.ofMinutes(1);

    private final KubernetesClient client;
    /** When a write was last tried, by uid of the job and of the object. */
    private final Map<String, Map<String, Instant>> tried = new ConcurrentHashMap<>();

    CostAnnotations(KubernetesClient client) {
        this.client = client;
    }

    /**
     * Brings the annotations up to date.
     *
     * @param pods with the job's label
     * @param workload of the job; empty if it is in no queue
     */
    void write(
            JobSnapshot snapshot,
            Collection<Pod> pods,
            Optional<GenericKubernetesResource> workload,
            BiConsumer<GenericKubernetesResource, ObjectNode> patchWorkload,
            Instant now) {
        SwavJob job = snapshot.job();
        World world = snapshot.worldMap().world();
        Map<String, Instant> last = tried.computeIfAbsent(job.getMetadata().getUid(), uid -> new ConcurrentHashMap<>());
        last.values().removeIf(at -> !now.isBefore(at.plus(EVERY)));
        PreemptionCost cost = PreemptionCost.since(saved(job), now);
        int min = snapshot.policy().map(JobPolicy::min).orElse(1);
        try {
            for (Pod pod : pods) {
                if (OwnerMetadata.isOwnedBy(pod, job) && pod.getMetadata().getDeletionTimestamp() == null) {
                    int value = cost.ofPod(pod.getMetadata().getUid(), world, min);
                    annotate(last, pod, OF_POD, value, this::patch, now);
                }
            }
            workload.ifPresent(found -> annotate(last, found, OF_WORKLOAD, cost.age(), patchWorkload, now));
        } catch (KubernetesClientException e) {
            LOG.warn(
                    "what a preemption costs is not annotated, which is tried again: {}{}",
                    PlanExecutor.message(e),
                    e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                            ? ". The chart's value preemptionCost.enabled grants it"
                            : "");
        }
    }

    private static <T extends HasMetadata> void annotate(
            Map<String, Instant> last,
            T object,
            String annotation,
            int value,
            BiConsumer<T, ObjectNode> patch,
            Instant now) {
        String uid = object.getMetadata().getUid();
        String before = Optional.ofNullable(object.getMetadata().getAnnotations())
                .map(all -> all.get(annotation))
                .orElse("0");
        if (before.equals(String.valueOf(value)) || last.putIfAbsent(uid, now) != null) {
            return;
        }
        ObjectNode change = JSON.createObjectNode();
        change.withObject("/metadata").put("uid", uid);
        change.withObject("/metadata/annotations").put(annotation, String.valueOf(value));
        patch.accept(object, change);
    }

    private void patch(Pod pod, ObjectNode change) {
        client.pods()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(pod.getMetadata().getName())
                .patch(Dependents.MERGE, change.toString());
    }

    private static Instant saved(SwavJob job) {
        SwavJobStatus status = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        return Stream.concat(
                        Optional.ofNullable(status.checkpoints()).orElse(List.of()).stream()
                                .filter(entry -> Boolean.TRUE.equals(entry.verified()))
                                .map(CheckpointEntry::time),
                        Stream.of(job.getMetadata().getCreationTimestamp()))
                .findFirst()
                .map(Instant::parse)
                .orElseThrow();
    }

    void forget(SwavJob job) {
        tried.remove(job.getMetadata().getUid());
    }
}
