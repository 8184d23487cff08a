package io.swav.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ResourceNames;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Timer;
import java.util.TimerTask;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does in one namespace what Kueue does for Workloads that somebody else integrates: reserves a quota of pods for them,
 * whole or in part, admits and evicts them. It records what Kueue's webhook would refuse, and pods that hold no quota.
 */
final class FakeKueue implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FakeKueue.class);
    private static final ResourceDefinitionContext WORKLOADS = context("Workload", "workloads", true);
    private static final long EVERY_MILLIS = 50;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final KubernetesClient client;
    private final String namespace;
    private final Timer timer = new Timer("kueue", true);
    private final List<String> violations = new ArrayList<>();
    /** By name: the pod sets of a Workload that holds quota. */
    private final Map<String, JsonNode> reserved = new HashMap<>();

    private int quota;
    private boolean partial;

    /** Returns a context that needs no discovery, which a client remembers. */
    static ResourceDefinitionContext context(String kind, String plural, boolean namespaced) {
        return new ResourceDefinitionContext.Builder()
                .withGroup("kueue.x-k8s.io")
                .withVersion("v1beta2")
                .withKind(kind)
                .withPlural(plural)
                .withNamespaced(namespaced)
                .build();
    }

    FakeKueue(KubernetesClient client, String namespace) {
        this.client = client;
        this.namespace = namespace;
        TimerTask scheduling = new TimerTask() {
            @Override
            public void run() {
                schedule();
            }
        };
        timer.schedule(scheduling, EVERY_MILLIS, EVERY_MILLIS);
    }

    // ---- definitions --------------------------------------------------------------------------------------------

    private static List<CustomResourceDefinition> definitions(KubernetesClient client) {
        try (InputStream yaml = FakeKueue.class.getResourceAsStream("/kueue-crds.yaml")) {
            return client.load(Objects.requireNonNull(yaml)).items().stream()
                    .map(CustomResourceDefinition.class::cast)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Installs Kueue's definitions, and a flavor. */
    static void install(KubernetesClient client) {
        for (CustomResourceDefinition definition : definitions(client)) {
            client.resource(definition).createOr(NonDeletingOperation::update);
            client.resource(definition)
                    .waitUntilCondition(
                            found -> found != null
                                    && found.getStatus() != null
                                    && found.getStatus().getConditions() != null
                                    && found.getStatus().getConditions().stream()
                                            .anyMatch(condition -> condition
                                                            .getType()
                                                            .equals("Established")
                                                    && condition.getStatus().equals("True")),
                            20,
                            TimeUnit.SECONDS);
        }
        OperatedJob.soon()
                .untilAsserted(
                        () -> client.genericKubernetesResources(context("ResourceFlavor", "resourceflavors", false))
                                .resource(Serialization.unmarshal("""
                        apiVersion: kueue.x-k8s.io/v1beta2
                        kind: ResourceFlavor
                        metadata: {name: spot}
                        spec:
                          nodeLabels: {pool: spot}
                          tolerations: [{key: spot, operator: Exists, effect: NoSchedule}]
                        """, GenericKubernetesResource.class))
                                .createOr(NonDeletingOperation::update));
    }

    /** Lets the API server refuse Workloads of fewer pods, until the definitions are installed again. */
    static void requirePods(KubernetesClient client, int least) {
        for (CustomResourceDefinition definition : definitions(client)) {
            JsonNode json = JSON.valueToTree(definition);
            json.at("/spec/versions").forEach(version -> {
                JsonNode count =
                        version.at("/schema/openAPIV3Schema/properties/spec/properties/podSets/items/properties/count");
                if (count instanceof ObjectNode schema) {
                    schema.put("minimum", least).remove("default");
                }
            });
            client.resource(JSON.convertValue(json, CustomResourceDefinition.class))
                    .createOr(NonDeletingOperation::update);
        }
    }

    static void uninstall(KubernetesClient client) {
        definitions(client).forEach(definition -> client.resource(definition).delete());
        definitions(client)
                .forEach(definition ->
                        client.resource(definition).waitUntilCondition(Objects::isNull, 30, TimeUnit.SECONDS));
    }

    // ---- what a test does ---------------------------------------------------------------------------------------

    /** Sets how many pods may hold quota; Workloads that hold more are preempted. */
    synchronized void quota(int pods) {
        quota = pods;
    }

    /** Takes only the quota that is wanted back from Workloads that allow it (Kueue's KEP 975), where it would evict them. */
    synchronized void preemptPartially() {
        partial = true;
    }

    /** Returns what must not have happened. */
    synchronized List<String> violations() {
        return List.copyOf(violations);
    }

    Resource<GenericKubernetesResource> workload(String name) {
        return client.genericKubernetesResources(WORKLOADS)
                .inNamespace(namespace)
                .withName(name);
    }

    JsonNode json(String name) {
        return JSON.valueToTree(workload(name).get());
    }

    /** Returns "True: Started" of a condition; empty if there is none. */
    String condition(String name, String type) {
        return condition(json(name), type)
                .map(found -> found.path("status").asText() + ": "
                        + found.path("reason").asText())
                .orElse("");
    }

    // ---- what Kueue does ----------------------------------------------------------------------------------------

    private synchronized void schedule() {
        try {
            List<JsonNode> workloads = new ArrayList<>();
            client.genericKubernetesResources(WORKLOADS)
                    .inNamespace(namespace)
                    .list()
                    .getItems()
                    .forEach(found -> workloads.add(JSON.valueToTree(found)));
            workloads.forEach(this::check);
            int used = workloads.stream().mapToInt(FakeKueue::usage).sum();
            for (JsonNode workload : workloads) {
                used += act(workload, used);
            }
        } catch (KubernetesClientException e) {
            LOG.debug("the next run sees what has changed", e);
        } catch (RuntimeException e) {
            LOG.error("the test's Kueue failed", e);
            violations.add("the test's Kueue failed: " + e);
        }
    }

    private void check(JsonNode workload) {
        String name = workload.path("metadata").path("name").asText();
        String job = workload.path("metadata")
                .path("labels")
                .path(ResourceNames.LABEL_JOB)
                .asText();
        JsonNode podSets = workload.path("spec").path("podSets");
        long pods =
                client.pods().inNamespace(namespace).withLabel(ResourceNames.LABEL_JOB, job).list().getItems().stream()
                        .filter(pod -> !List.of("Succeeded", "Failed")
                                .contains(pod.getStatus().getPhase()))
                        .count();
        if (!holdsQuota(workload)) {
            if (reserved.remove(name) != null && pods > 0) {
                violations.add("quota came free while " + pods + " pods were left");
            }
            return;
        }
        JsonNode before = reserved.putIfAbsent(name, podSets);
        if (before == null || before.equals(podSets)) {
            return;
        }
        int count = podSets.path(0).path("count").asInt();
        int target = assignment(workload).path("reclaimTargetCount").asInt(Integer.MAX_VALUE);
        boolean shrunk = count <= target
                && withCount(podSets, 0).equals(withCount(before, 0))
                && count < before.path(0).path("count").asInt();
        if (!shrunk) {
            violations.add("podSets changed while quota was reserved");
        } else if (pods > count) {
            violations.add("quota came free for " + count + " pods while " + pods + " were left");
        }
        reserved.put(name, podSets);
    }

    private static JsonNode withCount(JsonNode podSets, int count) {
        JsonNode copy = podSets.deepCopy();
        ((ObjectNode) copy.path(0)).put("count", count);
        return copy;
    }

    private static boolean isAsked(JsonNode workload) {
        return assignment(workload).hasNonNull("reclaimTargetCount");
    }

    private static JsonNode assignment(JsonNode workload) {
        return workload.path("status")
                .path("admission")
                .path("podSetAssignments")
                .path(0);
    }

    /** Asks a Workload for quota, or takes what it gave back. Returns whether it holds enough to be asked. */
    private boolean reclaim(JsonNode workload, int excess) {
        JsonNode podSet = workload.path("spec").path("podSets").path(0);
        JsonNode assignment = assignment(workload);
        int held = usage(workload);
        if (isAsked(workload)) {
            if (held <= assignment.path("reclaimTargetCount").asInt()) {
                assign(workload, held, Optional.empty());
            }
            return true; // it is asked once
        }
        int least = podSet.path("minCount").asInt(podSet.path("count").asInt());
        boolean allowed = workload.at("/metadata/annotations")
                .path("kueue.x-k8s.io/partial-preemption")
                .asText()
                .equals("true");
        if (!partial || !allowed || held <= least) {
            return false;
        }
        assign(workload, assignment.path("count").asInt(), Optional.of(Math.max(least, held - excess)));
        return true;
    }

    private void assign(JsonNode workload, int count, Optional<Integer> target) {
        ObjectNode assignment = assignment(workload).deepCopy();
        assignment.put("count", count).remove("reclaimTargetCount");
        target.ifPresent(pods -> assignment.put("reclaimTargetCount", pods));
        ObjectNode patch = JSON.createObjectNode();
        patch.withObject("/status/admission").putArray("podSetAssignments").add(assignment);
        patch(workload, patch);
    }

    /** Returns by how much the used quota has grown. */
    private int act(JsonNode workload, int used) {
        boolean active = workload.path("spec").path("active").asBoolean(true);
        boolean evicted = isTrue(workload, "Evicted");
        if (holdsQuota(workload)) {
            boolean asked =
                    active && !evicted && (used > quota || isAsked(workload)) && reclaim(workload, used - quota);
            if (!asked && !evicted && (!active || used > quota)) {
                patch(workload, conditions(workload, Map.of("Evicted", new String[] {
                    "True",
                    active ? "Preempted" : "Deactivated",
                    active ? "Preempted to make room" : "Stopped by a person"
                })));
            }
            return 0;
        }
        JsonNode podSet = workload.path("spec").path("podSets").path(0);
        int count = podSet.path("count").asInt();
        int fits = Math.min(count, quota - used);
        if (!active || isTrue(workload, "Finished") || requeuedLater(workload)) {
            return 0;
        }
        if (fits < podSet.path("minCount").asInt(count)) {
            if (condition(workload, "QuotaReserved").isEmpty()) {
                patch(workload, conditions(workload, Map.of("QuotaReserved", new String[] {
                    "False", "Pending", "couldn't assign flavors to pod set main: insufficient unused quota"
                })));
            }
            return 0;
        }
        ObjectNode patch = conditions(
                workload,
                Map.of(
                        "QuotaReserved",
                                new String[] {"True", "QuotaReserved", "Quota reserved in ClusterQueue training"},
                        "Admitted", new String[] {"True", "Admitted", "The workload is admitted"},
                        "Evicted", new String[] {"False", "QuotaReserved", "Previously evicted"}));
        ObjectNode admission = patch.withObject("/status/admission").put("clusterQueue", "training");
        admission
                .putArray("podSetAssignments")
                .addObject()
                .put("name", podSet.path("name").asText())
                .put("count", fits)
                .putObject("flavors")
                .put("cpu", "spot");
        patch(workload, patch);
        return fits;
    }

    private static boolean requeuedLater(JsonNode workload) {
        return condition(workload, "Requeued")
                .filter(found -> found.path("status").asText().equals("False"))
                .isPresent();
    }

    private static int usage(JsonNode workload) {
        if (!holdsQuota(workload)) {
            return 0;
        }
        int count = workload.path("spec").path("podSets").path(0).path("count").asInt();
        JsonNode status = workload.path("status");
        int assigned = status.path("admission")
                .path("podSetAssignments")
                .path(0)
                .path("count")
                .asInt(count);
        return Math.min(
                assigned,
                count - status.path("reclaimablePods").path(0).path("count").asInt(0));
    }

    private static boolean holdsQuota(JsonNode workload) {
        return isTrue(workload, "QuotaReserved") && !isTrue(workload, "Finished");
    }

    private static boolean isTrue(JsonNode workload, String type) {
        return condition(workload, type)
                .filter(found -> found.path("status").asText().equals("True"))
                .isPresent();
    }

    private static Optional<JsonNode> condition(JsonNode workload, String type) {
        for (JsonNode condition : workload.path("status").path("conditions")) {
            if (condition.path("type").asText().equals(type)) {
                return Optional.of(condition);
            }
        }
        return Optional.empty();
    }

    private static ObjectNode conditions(JsonNode workload, Map<String, String[]> changed) {
        ObjectNode patch = JSON.createObjectNode();
        ArrayNode all = patch.withObject("/status").putArray("conditions");
        workload.path("status").path("conditions").forEach(condition -> {
            if (!changed.containsKey(condition.path("type").asText())) {
                all.add(condition);
            }
        });
        changed.forEach((type, values) -> all.addObject()
                .put("type", type)
                .put("status", values[0])
                .put("reason", values[1])
                .put("message", values[2])
                .put(
                        "lastTransitionTime",
                        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString()));
        return patch;
    }

    private void patch(JsonNode workload, ObjectNode patch) {
        patch.withObject("/metadata")
                .put(
                        "resourceVersion",
                        workload.path("metadata").path("resourceVersion").asText());
        workload(workload.path("metadata").path("name").asText())
                .subresource("status")
                .patch(PatchContext.of(PatchType.JSON_MERGE), patch.toString());
    }

    @Override
    public void close() {
        timer.cancel();
    }
}
