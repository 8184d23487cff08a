package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.operator.QueueDecision.Write;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.Set;

/**
 * Builds what the operator writes into the status of a Workload, as a JSON merge patch with all conditions. The reasons are
 * those that Kueue's own integrations write.
 */
final class WorkloadStatusPatch {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String ADMITTED_NO_MORE = "NoReservation";
    /** Evictions after which the workload may be admitted again at once. */
    private static final Set<String> REQUEUED = Set.of("Preempted", "NodeFailures");
    /** In v1beta1 integrations of earlier Kueues also requeued after a failed check; later ones do not mind. */
    private static final String FAILED_CHECK = "AdmissionCheck";

    private final KueueWorkload workload;
    private final Instant now;
    private final ArrayNode conditions = JSON.createArrayNode();

    private WorkloadStatusPatch(KueueWorkload workload, Instant now) {
        this.workload = workload;
        this.now = now;
        workload.conditions().forEach(condition -> conditions.add(condition.deepCopy()));
    }

    /** Returns the patch for a write that concerns the status; empty for others. */
    static Optional<ObjectNode> of(KueueWorkload workload, Write write, String apiVersion, Instant now) {
        WorkloadStatusPatch patch = new WorkloadStatusPatch(workload, now);
        if (write instanceof QueueDecision.Release release) {
            return Optional.of(patch.release(release, apiVersion));
        }
        if (write instanceof QueueDecision.Finish finish) {
            patch.set(KueueWorkload.FINISHED, true, finish.complete() ? "Succeeded" : "Failed", finish.message());
            return Optional.of(patch.json());
        }
        if (write instanceof QueueDecision.Started) {
            patch.set(KueueWorkload.PODS_READY, true, "Started", "Enough trainers are ready to train");
            return Optional.of(patch.json());
        }
        if (write instanceof QueueDecision.Reclaim reclaim) {
            ObjectNode json = JSON.createObjectNode();
            json.withObject("/status")
                    .putArray("reclaimablePods")
                    .addObject()
                    .put("name", workload.podSetName())
                    .put("count", reclaim.pods());
            return Optional.of(json);
        }
        return Optional.empty();
    }

    private ObjectNode release(QueueDecision.Release release, String apiVersion) {
        boolean requeued = REQUEUED.contains(release.reason())
                || (release.reason().equals(FAILED_CHECK) && apiVersion.endsWith("/v1beta1"));
        set("Requeued", requeued, release.reason(), release.message());
        set(KueueWorkload.QUOTA_RESERVED, false, "Pending", release.message());
        if (workload.isTrue(KueueWorkload.ADMITTED)) {
            set(KueueWorkload.ADMITTED, false, ADMITTED_NO_MORE, "The workload has no reservation");
        }
        if (workload.isTrue(KueueWorkload.PODS_READY)) {
            set(KueueWorkload.PODS_READY, false, "WaitForStart", "The workload is not admitted");
        }
        ObjectNode json = json();
        json.withObject("/status").putNull("admission");
        json.withObject("/status").putNull("reclaimablePods");
        return json;
    }

    private ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.withObject("/status").set("conditions", conditions);
        return json;
    }

    /** Sets a condition, which keeps its transition time if its status stays the same. */
    private void set(String type, boolean holds, String reason, String message) {
        String status = holds ? "True" : "False";
        JsonNode before = JSON.missingNode();
        for (int i = 0; i < conditions.size(); i++) {
            if (conditions.get(i).path("type").asText().equals(type)) {
                before = conditions.remove(i);
                break;
            }
        }
        conditions
                .addObject()
                .put("type", type)
                .put("status", status)
                .put("reason", reason.isEmpty() ? "Unknown" : reason)
                .put("message", message)
                .put("observedGeneration", workload.generation())
                .put(
                        "lastTransitionTime",
                        before.path("status").asText().equals(status)
                                ? before.path("lastTransitionTime").asText()
                                : now.truncatedTo(ChronoUnit.SECONDS).toString());
    }
}
