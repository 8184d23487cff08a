package io.swav.operator;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.Toleration;
import io.swav.operator.AdmittedPodSet.Addition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A view of a Workload of Kueue, the object in which a job asks for quota. The fields have the same names in
 * kueue.x-k8s.io/v1beta1 and v1beta2, apart from the priority class.
 *
 * @see <a href="https://kueue.sigs.k8s.io/docs/concepts/workload/">Kueue: Workload</a>
 */
final class KueueWorkload {
    static final String GROUP = "kueue.x-k8s.io";
    /** On a SwavJob: the LocalQueue of its namespace in which it is queued. */
    static final String QUEUE_LABEL = GROUP + "/queue-name";
    /** On a SwavJob: the WorkloadPriorityClass with which it is queued. */
    static final String PRIORITY_LABEL = GROUP + "/priority-class";

    /** On a Workload: Kueue may take part of its quota back, where it would evict others whole (Kueue's KEP 975). */
    static final String PARTIAL_PREEMPTION = GROUP + "/partial-preemption";

    static final String POD_SET = "main";

    static final String QUOTA_RESERVED = "QuotaReserved";
    static final String ADMITTED = "Admitted";
    static final String EVICTED = "Evicted";
    static final String FINISHED = "Finished";
    static final String PODS_READY = "PodsReady";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final TypeReference<Map<String, String>> STRINGS = new TypeReference<>() {};
    private static final TypeReference<List<Toleration>> TOLERATIONS = new TypeReference<>() {};

    private final JsonNode json;
    private final PodSpec podSpec;

    private KueueWorkload(JsonNode json) {
        this.json = json;
        this.podSpec = Optional.ofNullable(JSON.convertValue(podSet().path("template"), PodTemplateSpec.class))
                .map(PodTemplateSpec::getSpec)
                .orElseGet(PodSpec::new);
    }

    static KueueWorkload of(GenericKubernetesResource resource) {
        return new KueueWorkload(JSON.valueToTree(resource));
    }

    /** Returns the name of a job's Workload: a job's name has at most 52 characters. */
    static String name(String job) {
        return "swavjob-" + job;
    }

    boolean isDeleting() {
        return json.path("metadata").hasNonNull("deletionTimestamp");
    }

    long generation() {
        return json.path("metadata").path("generation").asLong();
    }

    String queue() {
        return json.path("spec").path("queueName").asText();
    }

    /** Whether a person, or Kueue after too many tries, has stopped it. */
    boolean isDeactivated() {
        return !json.path("spec").path("active").asBoolean(true);
    }

    private JsonNode podSet() {
        return json.path("spec").path("podSets").path(0);
    }

    int podSets() {
        return json.path("spec").path("podSets").size();
    }

    String podSetName() {
        return podSet().path("name").asText(POD_SET);
    }

    int count() {
        return podSet().path("count").asInt(1);
    }

    /** Returns the fewest pods with which it may be admitted; empty if Kueue's feature PartialAdmission is off. */
    Optional<Integer> minCount() {
        return podSet().hasNonNull("minCount")
                ? Optional.of(podSet().path("minCount").asInt())
                : Optional.empty();
    }

    PodSpec podSpec() {
        return podSpec;
    }

    /** Returns the name of the class that its priority is from; empty if there is none. */
    String priorityClass() {
        JsonNode spec = json.path("spec");
        return spec.path("priorityClassRef")
                .path("name")
                .asText(spec.path("priorityClassName").asText(""));
    }

    // ---- what Kueue has answered --------------------------------------------------------------------------------

    boolean isTrue(String condition) {
        return "True".equals(condition(condition).path("status").asText());
    }

    String reason(String condition) {
        return condition(condition).path("reason").asText("");
    }

    String message(String condition) {
        return condition(condition).path("message").asText("");
    }

    private JsonNode condition(String type) {
        for (JsonNode condition : conditions()) {
            if (type.equals(condition.path("type").asText())) {
                return condition;
            }
        }
        return JSON.missingNode();
    }

    JsonNode conditions() {
        return json.path("status").path("conditions");
    }

    private JsonNode assignment() {
        return json.path("status").path("admission").path("podSetAssignments").path(0);
    }

    String clusterQueue() {
        return json.path("status").path("admission").path("clusterQueue").asText("");
    }

    /** Returns the number of pods that hold quota: those admitted, without those that have been given back. */
    int admittedPods() {
        return Math.min(assignment().path("count").asInt(count()), count() - reclaimable());
    }

    /**
     * Returns the number of pods that the job is to keep when Kueue takes quota back from it instead of evicting it (Kueue's
     * KEP 975, "reclaimTargetCount"); empty if it takes none.
     */
    Optional<Integer> reclaimTarget() {
        JsonNode target = assignment().path("reclaimTargetCount");
        return target.isInt() ? Optional.of(target.asInt()) : Optional.empty();
    }

    /** Returns the pod set as it is, with another number of pods. */
    ObjectNode podSetOf(int pods) {
        return ((ObjectNode) podSet().deepCopy()).put("count", pods);
    }

    /** Returns the number of pods whose quota the operator has given back; Kueue lets it only grow. */
    int reclaimable() {
        return json.path("status").path("reclaimablePods").path(0).path("count").asInt(0);
    }

    /** Whether Kueue has also assigned places within a topology, which only pods with its scheduling gate follow. */
    boolean hasTopology() {
        return assignment().hasNonNull("topologyAssignment");
    }

    /** Returns what admission checks wait for, one sentence; empty if none is known. */
    String pendingChecks() {
        List<String> pending = new ArrayList<>();
        for (JsonNode check : json.path("status").path("admissionChecks")) {
            String state = check.path("state").asText();
            if (!state.equals("Ready")) {
                String message = check.path("message").asText();
                pending.add(check.path("name").asText() + " is " + state + (message.isEmpty() ? "" : ": " + message));
            }
        }
        return String.join("; ", pending);
    }

    AdmittedPodSet placement() {
        Set<String> flavors = new TreeSet<>();
        assignment().path("flavors").forEach(flavor -> flavors.add(flavor.asText()));
        List<Addition> additions = new ArrayList<>();
        for (JsonNode check : json.path("status").path("admissionChecks")) {
            for (JsonNode update : check.path("podSetUpdates")) {
                if (update.path("name").asText().equals(podSetName())) {
                    additions.add(
                            addition("admission check " + check.path("name").asText(), update));
                }
            }
        }
        return new AdmittedPodSet(flavors, additions);
    }

    private static Addition addition(String from, JsonNode update) {
        return new Addition(
                from,
                strings(update.path("labels")),
                strings(update.path("annotations")),
                strings(update.path("nodeSelector")),
                tolerations(update.path("tolerations")));
    }

    /** Returns what a ResourceFlavor adds to pods. */
    static Addition ofFlavor(String name, GenericKubernetesResource flavor) {
        JsonNode spec = JSON.<JsonNode>valueToTree(flavor).path("spec");
        return new Addition(
                "ResourceFlavor " + name,
                Map.of(),
                Map.of(),
                strings(spec.path("nodeLabels")),
                tolerations(spec.path("tolerations")));
    }

    private static Map<String, String> strings(JsonNode map) {
        return map.isObject() ? JSON.convertValue(map, STRINGS) : Map.of();
    }

    private static List<Toleration> tolerations(JsonNode list) {
        return list.isArray() ? JSON.convertValue(list, TOLERATIONS) : List.of();
    }
}
