package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A job that Kueue queues as a whole, from its admission to its end; Kueue itself is a {@link FakeKueue}. */
class KueueIT extends OperatedJob {
    private static final String QUEUED = "kueue.x-k8s.io/queue-name: training";
    private static final String WORKLOAD = "swavjob-job";
    private static final String HOLD = "test.swav.io/hold";

    private final FakeKueue kueue;

    KueueIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster, true);
        this.kueue = new FakeKueue(client, namespace);
    }

    @BeforeAll
    static void installKueue(KubernetesClient client) {
        FakeKueue.install(client);
    }

    @AfterAll
    static void removeKueue(KubernetesClient client) {
        FakeKueue.uninstall(client);
    }

    @AfterEach
    void nothingForbiddenHappened() {
        kueue.close();
        assertThat(kueue.violations()).isEmpty();
    }

    @Test
    void noPodExistsBeforeAdmissionAndAPartialAdmissionIsTheSizeOfTheWorld() {
        submit("replicas: 4, elastic: {minReplicas: 2}", "cpu: 1");
        soon().untilAsserted(() -> {
            assertThat(message(ConditionType.Reconciling))
                    .contains("Queued in LocalQueue training: couldn't assign flavors");
            assertThat(admitted())
                    .extracting(JobCondition::status, JobCondition::reason)
                    .containsExactly("False", "Queued");
            assertThat(status().phase()).isEqualTo(Phase.Pending);
        });
        JsonNode podSet = kueue.json(WORKLOAD).path("spec").path("podSets").path(0);
        assertThat(podSet.path("count").asInt()).isEqualTo(4);
        assertThat(podSet.path("minCount").asInt()).isEqualTo(2);
        assertThat(podSet.at("/template/spec/containers/0/resources/requests/cpu")
                        .asText())
                .isEqualTo("1");
        assertThat(trainers.pods()).isEmpty();

        kueue.quota(3);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2"));
        form("job-0", "job-1", "job-2");
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Running);
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(admitted().message())
                    .contains("ClusterQueue training admitted 3 pods", "The job wants 4", "suspend and resume");
        });
        Pod pod = client.pods().inNamespace(namespace).withName("job-0").get();
        assertThat(pod.getSpec().getNodeSelector()).containsEntry("pool", "spot");
        assertThat(pod.getSpec().getTolerations()).anyMatch(toleration -> "spot".equals(toleration.getKey()));
        soon().untilAsserted(
                        () -> assertThat(kueue.condition(WORKLOAD, "PodsReady")).isEqualTo("True: Started"));
        assertThat(events()).contains("Admitted");
    }

    @Test
    void podsAndWorkloadSayWhatAPreemptionCosts() {
        kueue.quota(3);
        submit("replicas: 2, elastic: {minReplicas: 2, maxReplicas: 2}", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        assertThat(cost("job-0")).as("of a pod outside a world").isNull();
        form("job-0", "job-1");
        soon().untilAsserted(() -> {
            assertThat(cost("job-0")).isEqualTo(String.valueOf(3 << 27));
            assertThat(cost("job-1")).isEqualTo(String.valueOf(3 << 27));
        });

        String hourAgo = Instant.now().minus(Duration.ofHours(1)).toString();
        job().subresource("status").patch(PatchContext.of(PatchType.JSON_MERGE), """
                {"status": {"checkpoints": [{"step": 5, "samples": 5, "worldSize": 2, "uri": "file:///c/step-5",
                  "digest": "00", "verified": true, "time": "%s"}]}}""".formatted(hourAgo));
        soon().untilAsserted(() -> assertThat(kueue.json(WORKLOAD)
                        .at("/metadata/annotations/kueue.x-k8s.io~1priority-boost")
                        .asText())
                .isEqualTo("4"));
    }

    private @Nullable String cost(String pod) {
        return Optional.ofNullable(client.pods()
                        .inNamespace(namespace)
                        .withName(pod)
                        .get()
                        .getMetadata()
                        .getAnnotations())
                .map(all -> all.get("controller.kubernetes.io/pod-deletion-cost"))
                .orElse(null);
    }

    @Test
    void quotaComesFreeWhenAnEvictedJobsPodsAreGoneAndTheJobResumes() {
        kueue.quota(2);
        submit("replicas: 2, elastic: {minReplicas: 2}", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        form("job-0", "job-1");
        hold("job-0");
        hold("job-1");
        long generation = trainers.world().generation();

        kueue.quota(0);
        soon().untilAsserted(() -> {
            assertThat(trainers.world().generation()).isGreaterThan(generation);
            assertThat(members()).isEmpty();
            assertThat(trainers.world().why()).contains("Kueue evicted the job (Preempted)");
            assertThat(terminating()).containsExactly("job-0", "job-1");
            assertThat(admitted().reason()).isEqualTo("Evicted");
        });
        trainers.leaving("job-0", generation);
        trainers.leaving("job-1", generation);
        letGo("job-0");
        await().during(Duration.ofSeconds(2))
                .atMost(Duration.ofSeconds(4))
                .untilAsserted(() ->
                        assertThat(kueue.condition(WORKLOAD, "QuotaReserved")).startsWith("True"));
        letGo("job-1");
        soon().untilAsserted(() -> {
            assertThat(kueue.condition(WORKLOAD, "QuotaReserved")).isEqualTo("False: Pending");
            assertThat(kueue.condition(WORKLOAD, "Admitted")).isEqualTo("False: NoReservation");
            assertThat(kueue.condition(WORKLOAD, "Requeued")).isEqualTo("True: Preempted");
            assertThat(kueue.json(WORKLOAD).path("status").has("admission")).isFalse();
        });
        assertThat(trainers.pods()).isEmpty();
        assertThat(requireNonNull(status().ledger()).failures()).isZero();

        kueue.quota(2);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-2", "job-3"));
        form("job-2", "job-3");
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));
    }

    @Test
    void aJobWhoseQuotaIsTakenInPartShrinksAndTrainsOn() {
        kueue.preemptPartially();
        kueue.quota(4);
        submit("replicas: 4, elastic: {minReplicas: 2}", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(4));
        form("job-0", "job-1", "job-2", "job-3");
        hold("job-3");

        kueue.quota(3);
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1", "job-2");
            assertThat(terminating()).containsExactly("job-3");
            assertThat(admitted().message())
                    .contains("takes quota back for other jobs: 3 pods may run on, the others save and leave");
        });
        await().during(Duration.ofSeconds(2))
                .atMost(Duration.ofSeconds(4))
                .untilAsserted(() -> assertThat(
                                kueue.json(WORKLOAD).at("/spec/podSets/0/count").asInt())
                        .as("quota that a pod uses is not freed")
                        .isEqualTo(4));
        letGo("job-3");
        soon().untilAsserted(() -> {
            JsonNode workload = kueue.json(WORKLOAD);
            assertThat(workload.at("/spec/podSets/0/count").asInt()).isEqualTo(3);
            assertThat(workload.at("/status/admission/podSetAssignments/0/count")
                            .asInt())
                    .isEqualTo(3);
            assertThat(workload.at("/status/admission/podSetAssignments/0/reclaimTargetCount")
                            .isMissingNode())
                    .isTrue();
            assertThat(admitted().message()).contains("admitted 3 pods", "The job wants 4");
        });
        assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2");
        long generation = trainers.world().generation();
        members().forEach(pod -> trainers.training(pod, generation, 9));
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));

        FakeKueue.requirePods(client, 3); // as a webhook that refuses to change pod sets
        try {
            kueue.quota(2);
            soon().untilAsserted(() -> {
                assertThat(trainers.pods()).containsExactly("job-0", "job-1");
                JsonNode workload = kueue.json(WORKLOAD);
                assertThat(workload.at("/status/reclaimablePods/0/count").asInt())
                        .isEqualTo(1);
                assertThat(workload.at("/status/admission/podSetAssignments/0/count")
                                .asInt())
                        .isEqualTo(2);
            });
        } finally {
            FakeKueue.install(client);
        }

        kueue.quota(1);
        soon().untilAsserted(() -> assertThat(admitted().reason())
                .as("fewer than minReplicas: it is evicted whole")
                .isEqualTo("Evicted"));
    }

    @Test
    void aStoppedWorkloadKeepsItsJobOutUntilItIsStartedAgain() {
        kueue.quota(1);
        submit("replicas: 1", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        spec("{\"spec\":{\"active\":false}}");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(admitted().message()).contains("spec.active to true");
            assertThat(kueue.condition(WORKLOAD, "Requeued")).isEqualTo("False: Deactivated");
        });
    }

    @Test
    void aCompleteJobsWorkloadIsFinishedAndADeletedJobsIsGone() {
        kueue.quota(2);
        submit("replicas: 2", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        form("job-0", "job-1");
        long generation = trainers.world().generation();
        trainers.done("job-0", generation, 100);
        await().during(Duration.ofSeconds(1))
                .atMost(Duration.ofSeconds(3))
                .untilAsserted(
                        () -> assertThat(kueue.condition(WORKLOAD, "Finished")).isEmpty());
        trainers.done("job-1", generation, 100);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Complete);
            assertThat(kueue.condition(WORKLOAD, "Finished")).isEqualTo("True: Succeeded");
            assertThat(admitted().reason()).isEqualTo("Complete");
        });
        job().delete();
        soon().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(kueue.workload(WORKLOAD).get()).isNull());
    }

    @Test
    void theQuotaOfAFailedJobIsHeldUntilItsPodsAreGone() {
        kueue.quota(2);
        submit("replicas: 2, recovery: {maxFailures: 0}", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        form("job-0", "job-1");
        hold("job-1");
        trainers.failed("job-0", 1, "no memory");
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Failed);
            assertThat(terminating()).containsExactly("job-1");
        });
        await().during(Duration.ofSeconds(1))
                .atMost(Duration.ofSeconds(3))
                .untilAsserted(() -> assertThat(kueue.condition(WORKLOAD, "Finished"))
                        .as("job-1 still uses what it was given")
                        .isEmpty());
        letGo("job-1");
        soon().untilAsserted(
                        () -> assertThat(kueue.condition(WORKLOAD, "Finished")).isEqualTo("True: Failed"));
    }

    @Test
    void aRunningJobShrinksAtOnceAndGrowsWithItsNextAdmission() {
        kueue.quota(4);
        submit("replicas: 4", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(4));
        form("job-0", "job-1", "job-2", "job-3");
        submit("replicas: 2", "cpu: 1");
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1");
            assertThat(trainers.pods()).containsExactly("job-0", "job-1");
            assertThat(kueue.json(WORKLOAD)
                            .at("/status/reclaimablePods/0/count")
                            .asInt())
                    .isEqualTo(2);
        });
        submit("replicas: 3", "cpu: 1");
        soon().untilAsserted(() -> assertThat(admitted().message()).contains("admitted 2 pods", "The job wants 3"));
        assertThat(trainers.pods()).as("a running job is not stopped").containsExactly("job-0", "job-1");

        submit("replicas: 3, suspend: true", "cpu: 1");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(kueue.workload(WORKLOAD).get()).isNull();
            assertThat(admitted().reason()).isEqualTo("Suspended");
        });
        submit("replicas: 3, suspend: false", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
    }

    @Test
    void aJobThatAsksForOtherResourcesLeavesAndIsQueuedAnew() {
        kueue.quota(1);
        submit("replicas: 1", "cpu: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        String before = kueue.workload(WORKLOAD).get().getMetadata().getUid();
        submit("replicas: 1", "cpu: 2");
        soon().untilAsserted(() -> {
            assertThat(kueue.workload(WORKLOAD).get().getMetadata().getUid()).isNotEqualTo(before);
            assertThat(kueue.json(WORKLOAD)
                            .at("/spec/podSets/0/template/spec/containers/0/resources/requests/cpu")
                            .asText())
                    .isEqualTo("2");
            assertThat(trainers.pods()).hasSize(1).doesNotContain("job-0");
        });
    }

    @Test
    void aWorkloadThatIsEditedOrDeletedIsPutBack() {
        submit("replicas: 2", "cpu: 1");
        soon().untilAsserted(() ->
                assertThat(kueue.condition(WORKLOAD, "QuotaReserved")).startsWith("False"));
        spec("{\"spec\":{\"queueName\":\"other\"},\"metadata\":{\"labels\":{\"swav.io/job\":null}}}");
        soon().untilAsserted(() -> {
            assertThat(kueue.json(WORKLOAD).at("/spec/queueName").asText()).isEqualTo("training");
            assertThat(kueue.json(WORKLOAD)
                            .path("metadata")
                            .path("labels")
                            .path("swav.io/job")
                            .asText())
                    .isEqualTo("job");
        });

        kueue.quota(2);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        kueue.workload(WORKLOAD).delete();
        soon().untilAsserted(() -> {
            assertThat(kueue.condition(WORKLOAD, "Admitted")).startsWith("True");
            assertThat(trainers.pods()).containsExactly("job-2", "job-3");
        });
    }

    @Test
    void aWorkloadOfSomethingElseIsLeftAlone() {
        client.genericKubernetesResources(FakeKueue.context("Workload", "workloads", true))
                .inNamespace(namespace)
                .resource(Serialization.unmarshal("""
                apiVersion: kueue.x-k8s.io/v1beta2
                kind: Workload
                metadata: {name: swavjob-job, namespace: %s}
                spec: {queueName: theirs, podSets: [{name: main, count: 1, template: {spec: {containers: [{name: c}]}}}]}
                """.formatted(namespace), GenericKubernetesResource.class))
                .create();
        submit("replicas: 1", "cpu: 1");
        soon().untilAsserted(() -> assertThat(
                        status().condition(ConditionType.Stalled).orElseThrow())
                .satisfies(stalled -> {
                    assertThat(stalled.reason()).isEqualTo("NameTaken");
                    assertThat(stalled.message()).contains("Workload swavjob-job");
                }));
        assertThat(kueue.json(WORKLOAD).at("/spec/queueName").asText()).isEqualTo("theirs");
        assertThat(trainers.pods()).isEmpty();
        kueue.workload(WORKLOAD).delete();
        kueue.quota(1);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
    }

    @Test
    void thePriorityClassOfTheJobDecidesAndAMissingOneIsNamed() {
        applyLabelled(QUEUED + ", kueue.x-k8s.io/priority-class: urgent", "replicas: 1", template("cpu: 1", ""));
        soon().untilAsserted(() -> assertThat(message(ConditionType.Stalled))
                .contains("WorkloadPriorityClass urgent does not exist", "kueue.x-k8s.io/priority-class"));
        client.genericKubernetesResources(FakeKueue.context("WorkloadPriorityClass", "workloadpriorityclasses", false))
                .resource(Serialization.unmarshal("""
                apiVersion: kueue.x-k8s.io/v1beta2
                kind: WorkloadPriorityClass
                metadata: {name: urgent}
                value: 1000
                """, GenericKubernetesResource.class))
                .create();
        soon().untilAsserted(() -> {
            assertThat(kueue.json(WORKLOAD).at("/spec/priority").asInt()).isEqualTo(1000);
            assertThat(kueue.json(WORKLOAD).at("/spec/priorityClassRef/name").asText())
                    .isEqualTo("urgent");
        });
    }

    @Test
    void podsOfAQueuedJobAreNotQueuedASecondTime() {
        kueue.quota(1);
        applyLabelled(QUEUED, "replicas: 1", template("cpu: 1", QUEUED));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        assertThat(client.pods()
                        .inNamespace(namespace)
                        .withName("job-0")
                        .get()
                        .getMetadata()
                        .getLabels())
                .doesNotContainKey("kueue.x-k8s.io/queue-name");
        assertThat(admitted().message()).contains("spec.template is left out of pods");

        applyLabelled("", "replicas: 1", template("cpu: 1", ""));
        soon().untilAsserted(() -> {
            assertThat(kueue.workload(WORKLOAD).get()).as("without the label").isNull();
            assertThat(status().condition(ConditionType.Admitted)).isEmpty();
            assertThat(trainers.pods()).hasSize(1); // perhaps another one: the template has changed as well
        });
    }

    @Test
    void withoutKueueTheJobSaysSoAndRunsOnceItIsInstalled() {
        FakeKueue.uninstall(client);
        try {
            submit("replicas: 1", "cpu: 1");
            soon().untilAsserted(() -> assertThat(
                            status().condition(ConditionType.Stalled).orElseThrow())
                    .satisfies(stalled -> {
                        assertThat(stalled.status()).isEqualTo("True");
                        assertThat(stalled.reason()).isEqualTo("QueueUnavailable");
                        assertThat(stalled.message()).contains("Install Kueue", "remove the label");
                    }));
            assertThat(trainers.pods()).isEmpty();
        } finally {
            FakeKueue.install(client);
        }
        kueue.quota(1);
        soon().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
    }

    // ---- helpers ------------------------------------------------------------------------------------------------

    private void submit(String spec, String requests) {
        applyLabelled(QUEUED, spec, template(requests, ""));
    }

    private static String template(String requests, String labels) {
        return "{metadata: {labels: {" + labels
                + "}}, spec: {containers: [{name: trainer, image: swav-trainer, resources:" + " {requests: {" + requests
                + "}}}]}}";
    }

    private JobCondition admitted() {
        return status().condition(ConditionType.Admitted).orElseThrow();
    }

    private void form(String... pods) {
        List.of(pods).forEach(trainers::ready);
        soon().untilAsserted(() -> assertThat(members()).containsExactly(pods));
        long generation = trainers.world().generation();
        List.of(pods).forEach(pod -> trainers.training(pod, generation, 7));
    }

    private void spec(String patch) {
        kueue.workload(WORKLOAD).patch(PatchContext.of(PatchType.JSON_MERGE), patch);
    }

    private List<String> terminating() {
        return client.pods().inNamespace(namespace).list().getItems().stream()
                .filter(pod -> pod.getMetadata().getDeletionTimestamp() != null)
                .map(pod -> pod.getMetadata().getName())
                .sorted()
                .toList();
    }

    private void hold(String pod) {
        finalizers(pod, List.of(HOLD));
    }

    private void letGo(String pod) {
        finalizers(pod, List.of());
    }

    private void finalizers(String pod, List<String> finalizers) {
        client.pods()
                .inNamespace(namespace)
                .withName(pod)
                .patch(
                        PatchContext.of(PatchType.JSON_MERGE),
                        Serialization.asJson(Map.of("metadata", Map.of("finalizers", finalizers))));
    }
}
