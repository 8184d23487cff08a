package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfigurationBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.Contract;
import io.swav.api.PodReport;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpecs;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import io.swav.local.LocalCluster;
import io.swav.operator.OperatorConfig;
import io.swav.operator.SwavOperator;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The operator against a real API server; kubelet and trainers are played by the test. */
@ExtendWith(TestCluster.class)
class OperatorIT {
    private final String namespace = "op-" + UUID.randomUUID().toString().substring(0, 8);
    private final KubernetesClient client;
    private final LocalCluster cluster;
    private final FakeTrainers trainers;
    private SwavOperator operator;

    OperatorIT(KubernetesClient client, LocalCluster cluster) throws IOException {
        this.client = client;
        this.cluster = cluster;
        this.trainers = new FakeTrainers(client, namespace, "job");
        client.resource(SwavJobSpecs.crd()).createOr(NonDeletingOperation::update);
        client.resource(SwavJobSpecs.crd())
                .waitUntilCondition(
                        crd -> crd.getStatus() != null
                                && crd.getStatus().getConditions().stream()
                                        .anyMatch(c -> c.getType().equals("Established")
                                                && c.getStatus().equals("True")),
                        30,
                        TimeUnit.SECONDS);
        this.operator = startOperator();
    }

    private SwavOperator startOperator() throws IOException {
        return SwavOperator.start(OperatorConfig.of(Optional.of(cluster.kubeconfig()), "all", 0));
    }

    @BeforeEach
    void makeNamespace() {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .addToLabels("test", namespace)
                        .endMetadata()
                        .build())
                .create();
    }

    @AfterEach
    void clean() {
        trainers.close();
        client.resources(SwavJob.class).inNamespace(namespace).delete();
        operator.close();
        client.namespaces().withName(namespace).delete();
    }

    @Test
    void trainsFromTheFirstWorldToTheEndThroughALostPod() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Pending");
            assertThat(message(ConditionType.Ready)).contains("waiting for pods: 0 ready, 1 needed");
        });

        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        long first = trainers.world().generation();
        trainers.training("job-0", first, 7);
        trainers.training("job-1", first, 7);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Running");
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(requireNonNull(status().progress()).step()).isEqualTo(7);
            assertThat(requireNonNull(status().world()).collective()).isEqualTo("NCCL 2.27.3");
            assertThat(status().observedGeneration()).isEqualTo(1);
        });

        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
        trainers.ready("job-2");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1", "job-2"));
        World last = trainers.world();
        assertThat(last.generation()).isEqualTo(first + 2);
        assertThat(requireNonNull(status().ledger()).preemptions()).isEqualTo(1);
        assertThat(requireNonNull(status().ledger()).failures()).isZero();

        trainers.done("job-1", last.generation(), 100);
        trainers.done("job-2", last.generation(), 100);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Complete");
            assertThat(status().isTrue(ConditionType.Complete)).isTrue();
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(status().isTrue(ConditionType.Reconciling)).isFalse();
            assertThat(requireNonNull(status().progress()).step()).isEqualTo(100);
        });
        assertThat(events()).contains("WeightsNotKept", "PodsCreated", "WorldPublished", "PodPreempted", "Complete");
        assertThat(trainers.pods()).as("ended pods stay for their logs").containsExactly("job-1", "job-2");
    }

    @Test
    void scalesBothWaysAndSuspends() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));

        client.resources(SwavJob.class).inNamespace(namespace).withName("job").scale(3);
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        trainers.ready("job-2");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1", "job-2"));

        client.resources(SwavJob.class).inNamespace(namespace).withName("job").scale(1);
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        assertThat(requireNonNull(status().ledger()).preemptions())
                .as("our own doing")
                .isZero();

        apply("replicas: 1, suspend: true");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(status().phase()).isEqualTo("Suspended");
            assertThat(status().isTrue(ConditionType.Suspended)).isTrue();
        });
        apply("replicas: 1, suspend: false");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-3"));
    }

    @Test
    void aPermanentFailureEndsTheJobWithTheTrainersWords() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));

        trainers.failed("job-0", Contract.EXIT_NO_INPUT, "spec.data.uri: /data does not exist");
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Failed");
            assertThat(message(ConditionType.Failed)).contains("job-0").contains("/data does not exist");
            assertThat(status().condition(ConditionType.DataReady).orElseThrow().status())
                    .isEqualTo("False");
            assertThat(trainers.pods()).as("the failed one stays for its log").containsExactly("job-0");
        });
        assertThat(events()).contains("PodFailed", "Failed");
    }

    @Test
    void tooManyFailuresEndTheJob() {
        apply("replicas: 1, recovery: {maxFailures: 1}");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        trainers.failed("job-0", Contract.EXIT_SOFTWARE, "boom");
        soon().untilAsserted(() -> assertThat(trainers.pods()).contains("job-1"));
        trainers.failed("job-1", Contract.EXIT_SOFTWARE, "boom again");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Failed))
                .contains("2 failures, recovery.maxFailures allows 1")
                .contains("boom again"));
    }

    @Test
    void aSpecThatBreaksARuleMakesNoPodsAndSaysWhichField() {
        apply("replicas: 2, elastic: {minReplicas: 3}, assignment: {mode: Queue}");
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Invalid");
            assertThat(message(ConditionType.Stalled))
                    .contains("spec.replicas is below spec.elastic.minReplicas")
                    .contains("spec.assignment.mode Queue is not available yet");
            assertThat(status().observedGeneration()).isEqualTo(1);
        });
        assertThat(trainers.pods()).isEmpty();
    }

    @Test
    void anImmutableFieldThatChangesIsToldAndNotFollowed() {
        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(1));
        trainers.ready("job-0");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        apply("replicas: 1, model: {prototypes: 30}");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Stalled)).contains("spec.model cannot change"));
        assertThat(members()).containsExactly("job-0");
        assertThat(client.configMaps()
                        .inNamespace(namespace)
                        .withName("job-config")
                        .get()
                        .getData()
                        .get(Contract.CONFIG_KEY))
                .contains("\"prototypes\" : 3000");
    }

    @Test
    void aTemplateThatBreaksWhileTheJobTrainsStopsNewPodsAlone() {
        formOfTwo("replicas: 2");
        long step = 7;
        for (String broken : List.of("{spec: {containers: []}}", "{spec: {containers: [{}]}}")) {
            applyTemplate("replicas: 2", broken);
            client.pods().inNamespace(namespace).withName("job-1").delete();
            soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
            step += 10;
            long made = step;
            trainers.training("job-0", trainers.world().generation(), made);
            soon().untilAsserted(() -> {
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(made);
                assertThat(status().phase()).isEqualTo("Running");
                assertThat(message(ConditionType.Stalled)).contains("spec.template");
            });
        }
        assertThat(trainers.pods()).containsExactly("job-0");
        apply("replicas: 2");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
    }

    /** Trainers' reports come every second, and each of them brings a plan. */
    @Test
    void aRefusedPodIsNotTriedWithEveryReportButAtOnceWhenTheJobChanges() {
        formOfTwo("replicas: 2");
        applyTemplate("replicas: 2", "{spec: {containers: [{name: trainer}]}}");
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(
                        status().condition(ConditionType.Stalled).orElseThrow().reason())
                .isEqualTo("PodRefused"));
        await().during(Duration.ofSeconds(5))
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(message(ConditionType.Stalled)).contains("spec.containers[0].image"));
        apply("replicas: 2");
        soon().untilAsserted(() ->
                assertThat(trainers.pods()).as("one number was used up").containsExactly("job-0", "job-3"));
    }

    @Test
    void aNewOperatorCarriesOnWhereTheOldOneStopped() throws IOException {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        Secret key = handshake();
        operator.close();
        client.pods().inNamespace(namespace).withName("job-0").delete();
        operator = startOperator();

        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().ledger()).preemptions()).isEqualTo(1));
        assertThat(handshake().getData()).isEqualTo(key.getData());
    }

    @Test
    void aHungMemberIsKilledReplacedAndPriced() throws IOException {
        formOfTwo("replicas: 2, recovery: {hungAfterSeconds: 2}, elastic: {growAfterSeconds: 0}");
        trainers.silent("job-1");
        trainers.says("job-0", Map.of("awaitingPeers", true, "stalledSeconds", 9));
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(trainers.world().lost()).hasSize(1);
            assertThat(trainers.pods()).as("killed and replaced").containsExactly("job-0", "job-2");
        });
        long generation = trainers.world().generation();
        trainers.training("job-0", 8, new PodReport.Regroup(generation, 2.5, 1, 1, 0.5));
        soon().untilAsserted(() -> assertThat(ledger().incidents()).last().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo("Hang");
            assertThat(incident.pod()).isEqualTo("job-1");
            assertThat(incident.reason()).contains("job-0 has waited for it").contains("it has not reported for");
            assertThat(incident.generation()).isEqualTo(generation);
            assertThat(incident.stepsLost()).isEqualTo(1);
            assertThat(incident.secondsPaused()).isEqualTo(2.5);
        }));
        operator.close();
        operator = startOperator();
        trainers.training("job-0", 9, new PodReport.Regroup(generation, 2.5, 1, 2, 1));
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(9));
        assertThat(ledger().stepsLost())
                .as("another operator counts nothing twice")
                .isEqualTo(1);
        assertThat(ledger().hangs()).isEqualTo(1);
        assertThat(ledger().preemptions()).isZero();
        assertThat(ledger().secondsLostByCause()).containsEntry("Hang", 2.5);
        assertThat(ledger().goodput()).isBetween(0.01, 1.0);
        assertThat(events()).contains("PodHung", "PodKilled", "TrainingResumed");
    }

    @Test
    void aMemberThatDoesNotAnswerIsPutOutAndMayComeBack() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        String uid = trainers.world().members().get(1).uid();
        trainers.says("job-0", Map.of("awaitingPeers", true, "stalledSeconds", 3, "lostPeer", uid));
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(members())
                        .as("it reports, so the two settle it among themselves")
                        .containsExactly("job-0", "job-1"));
        trainers.silent("job-1");
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(trainers.pods()).as("not killed, but replaced").containsExactly("job-0", "job-1", "job-2");
            assertThat(ledger().preemptions()).isEqualTo(1);
            assertThat(status().replicas()).isEqualTo(2);
        });
        trainers.training("job-0", trainers.world().generation(), 8);
        trainers.ready("job-1");
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1");
            assertThat(trainers.pods()).as("its replacement is not needed").containsExactly("job-0", "job-1");
        });
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(ledger().preemptions()).isEqualTo(2));
    }

    @Test
    void belowTheMinimumItHoldsAndResumes() {
        formOfTwo("replicas: 2, elastic: {minReplicas: 2, growAfterSeconds: 0}");
        trainers.killed("job-1");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().hold()).isTrue();
            assertThat(members()).containsExactly("job-0");
            assertThat(status().phase()).isEqualTo("Holding");
            assertThat(message(ConditionType.Ready)).contains("1 ready, 2 needed");
            assertThat(ledger().failures()).isEqualTo(1);
        });
        trainers.ready("job-2");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().hold()).isFalse();
            assertThat(members()).containsExactly("job-0", "job-2");
        });
        long generation = trainers.world().generation();
        trainers.training("job-0", 8, new PodReport.Regroup(generation, 12.5, 1, 1, 0.5));
        trainers.training("job-2", 8, new PodReport.Regroup(generation, null, 0, 1, 0.5));
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo("Running");
            assertThat(ledger().stepsLost()).isEqualTo(1);
            assertThat(ledger().secondsLostByCause()).containsEntry("Failure", 12.5);
            assertThat(ledger().incidents()).extracting(Incident::kind).endsWith("Failure", "Resize");
        });
    }

    @Test
    void afterTheApiServerWasAwayNobodyIsBlamedAndStatusCatchesUp() {
        formOfTwo("replicas: 2, recovery: {hungAfterSeconds: 2}");
        World before = trainers.world();
        List<Incident> incidents = ledger().incidents();
        cluster.stopApiServer();
        try {
            await().pollDelay(Duration.ofSeconds(9)).until(() -> true);
        } finally {
            cluster.startApiServer();
            awaitControllers();
        }
        trainers.training("job-0", before.generation(), 20);
        trainers.training("job-1", before.generation(), 20);
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(20));
        assertThat(trainers.world()).isEqualTo(before);
        assertThat(ledger().incidents()).isEqualTo(incidents);
        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
    }

    @Test
    void aPodOnADeadNodeIsRemovedWhenNobodyElseDoes() {
        client.resource(new NodeBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .endMetadata()
                        .build())
                .create();
        try {
            formOfTwo(
                    "replicas: 2",
                    "terminationGracePeriodSeconds: 1, nodeName: " + namespace
                            + ", tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists},"
                            + " {key: node.kubernetes.io/not-ready, operator: Exists}]");
            client.nodes()
                    .withName(namespace)
                    .editStatus(node -> new NodeBuilder(node)
                            .withNewStatus()
                            .addNewCondition()
                            .withType("Ready")
                            .withStatus("Unknown")
                            .endCondition()
                            .endStatus()
                            .build());
            client.pods().inNamespace(namespace).withName("job-1").delete();
            soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
            assertThat(trainers.pods())
                    .as("there is no kubelet that would end it")
                    .contains("job-1");
            soon().atMost(Duration.ofSeconds(40))
                    .untilAsserted(() -> assertThat(trainers.pods()).doesNotContain("job-1"));
            assertThat(ledger().preemptions()).isEqualTo(1);
            assertThat(members()).as("job-0 is heard, so it stays").containsExactly("job-0");
        } finally {
            client.nodes().withName(namespace).delete();
        }
    }

    @Test
    void anApiErrorWhilePodsAreMadeIsToldAndTriedAgain() {
        client.resource(new ValidatingWebhookConfigurationBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .endMetadata()
                        .addNewWebhook()
                        .withName("nobody.swav.io")
                        .withAdmissionReviewVersions("v1")
                        .withSideEffects("None")
                        .withFailurePolicy("Fail")
                        .withTimeoutSeconds(1)
                        .withNewNamespaceSelector()
                        .addToMatchLabels("test", namespace)
                        .endNamespaceSelector()
                        .addNewRule()
                        .withApiGroups("")
                        .withApiVersions("v1")
                        .withOperations("CREATE")
                        .withResources("pods")
                        .endRule()
                        .withNewClientConfig()
                        .withUrl("https://127.0.0.1:1/nobody")
                        .endClientConfig()
                        .endWebhook()
                        .build())
                .create();
        try {
            apply("replicas: 1");
            soon().untilAsserted(() -> {
                assertThat(status().condition(ConditionType.Reconciling)
                                .orElseThrow()
                                .reason())
                        .isEqualTo("ApiError");
                assertThat(message(ConditionType.Ready))
                        .contains("trying again")
                        .contains("nobody.swav.io");
            });
        } finally {
            client.admissionRegistration()
                    .v1()
                    .validatingWebhookConfigurations()
                    .withName(namespace)
                    .delete();
        }
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(1);
            assertThat(status().condition(ConditionType.Reconciling)
                            .orElseThrow()
                            .reason())
                    .isEqualTo("Pending");
        });
    }

    /** They notice later that the server is back, and until then pods of a new service account are refused. */
    private void awaitControllers() {
        client.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName("later")
                        .withNamespace(namespace)
                        .endMetadata()
                        .build())
                .create();
        Pod pod = new PodBuilder()
                .withNewMetadata()
                .withName("later")
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withServiceAccountName("later")
                .addNewContainer()
                .withName("any")
                .withImage("any")
                .endContainer()
                .endSpec()
                .build();
        soon().atMost(Duration.ofMinutes(2))
                .until(() -> client.resource(pod).dryRun(true).create() != null);
    }

    /** Two trainers that have made seven steps in the first world. */
    private void formOfTwo(String spec) {
        formOfTwo(spec, "");
    }

    private void formOfTwo(String spec, String podSpec) {
        apply(spec, podSpec);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        PodReport.Regroup first = new PodReport.Regroup(trainers.world().generation(), null, 0, 7, 3.5);
        trainers.training("job-0", 7, first);
        trainers.training("job-1", 7, first);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo("Running"));
    }

    private SwavJobStatus.Ledger ledger() {
        return requireNonNull(status().ledger());
    }

    @Test
    void deletionTakesEverythingAlong() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        client.resources(SwavJob.class).inNamespace(namespace).withName("job").delete();
        soon().atMost(Duration.ofMinutes(1)).untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(jobMaps()).isEmpty();
        });
    }

    @Test
    void aDeletedJobLeavesTheMetricsAndIsNotPlannedAgain() throws Exception {
        String labels = "job=\"job\",namespace=\"" + namespace + "\"";
        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(1));
        trainers.failed("job-0", Contract.EXIT_NO_INPUT, "/data does not exist");
        soon().untilAsserted(() ->
                assertThat(get("/metrics")).contains("swav_job_condition{condition=\"Failed\"," + labels + "} 1.0"));
        client.resources(SwavJob.class).inNamespace(namespace).withName("job").delete();
        soon().untilAsserted(() -> assertThat(get("/metrics")).doesNotContain(labels));

        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(get("/metrics")).contains("swav_job_replicas{" + labels + "} 1.0"));
        client.resources(SwavJob.class)
                .inNamespace(namespace)
                .withName("job")
                .withPropagationPolicy(DeletionPropagation.FOREGROUND)
                .delete();
        soon().atMost(Duration.ofMinutes(1)).untilAsserted(() -> {
            assertThat(get("/metrics")).doesNotContain(labels);
            assertThat(client.resources(SwavJob.class)
                            .inNamespace(namespace)
                            .withName("job")
                            .get())
                    .as("nothing is made that would keep it")
                    .isNull();
            assertThat(trainers.pods()).isEmpty();
            assertThat(jobMaps()).isEmpty();
        });
    }

    private List<ConfigMap> jobMaps() {
        return client.configMaps()
                .inNamespace(namespace)
                .withLabel(Contract.LABEL_JOB)
                .list()
                .getItems();
    }

    @Test
    void healthAndMetricsTellTheTruth() throws Exception {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(get("/metrics"))
                .contains("swav_job_replicas{job=\"job\",namespace=\"" + namespace + "\"} 2.0"));
        assertThat(get("/healthz")).isEqualTo("ok\n");
    }

    private String get(String path) throws IOException, InterruptedException {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + operator.port() + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body();
    }

    private Secret handshake() {
        return client.secrets().inNamespace(namespace).withName("job-handshake").get();
    }

    private void apply(String spec) {
        apply(spec, "");
    }

    private void apply(String spec, String podSpec) {
        applyTemplate(spec, "{spec: {containers: [{name: trainer, image: swav-trainer}], " + podSpec + "}}");
    }

    private void applyTemplate(String spec, String template) {
        SwavJob job = Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: job, namespace: %s}
                spec: {%s, data: {uri: file:///data}, template: %s}
                """.formatted(namespace, spec, template), SwavJob.class);
        client.resource(job).fieldManager("test").forceConflicts().serverSideApply();
    }

    private SwavJobStatus status() {
        SwavJobStatus status = client.resources(SwavJob.class)
                .inNamespace(namespace)
                .withName("job")
                .get()
                .getStatus();
        return Optional.ofNullable(status).orElse(SwavJobStatus.EMPTY);
    }

    private String message(ConditionType condition) {
        return status().condition(condition).orElseThrow().message();
    }

    private List<String> members() {
        return trainers.world().members().stream().map(World.Member::pod).toList();
    }

    private List<String> events() {
        return client.v1().events().inNamespace(namespace).list().getItems().stream()
                .map(Event::getReason)
                .toList();
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofSeconds(20)).ignoreExceptions();
    }
}
