package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirement;
import io.fabric8.kubernetes.api.model.NodeSelectorTerm;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.ExitCodes;
import io.swav.api.ReachReport;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.TrainerReport;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Trainers fail, hang, do not answer, or run on a dead node. */
class LostTrainersIT extends OperatedJob {
    LostTrainersIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void aPermanentFailureFailsTheJobWithTheTrainersMessage() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));

        trainers.failed("job-0", ExitCodes.NO_INPUT, "spec.data.uri: /data does not exist");
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Failed);
            assertThat(message(ConditionType.Failed)).contains("job-0").contains("/data does not exist");
            assertThat(status().condition(ConditionType.DataReady).orElseThrow().status())
                    .isEqualTo("False");
            assertThat(trainers.pods()).as("the failed one stays for its log").containsExactly("job-0");
        });
        assertThat(events()).contains("PodFailed", "Failed");
    }

    @Test
    void replacesAPodWhoseNodeIsUnfitAndNamesTheNode() {
        client.resource(new NodeBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .endMetadata()
                        .build())
                .create();
        try {
            apply(
                    "replicas: 1",
                    "nodeName: " + namespace
                            + ", tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists}]");
            soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
            trainers.unfit("job-0", "this machine computes wrong: convolution 3x3: error 2.3e-02, allowed 1e-06");
            soon().untilAsserted(() -> {
                assertThat(trainers.pods()).contains("job-1");
                assertThat(ledger().incidents()).last().satisfies(incident -> {
                    assertThat(incident.kind()).isEqualTo(IncidentKind.Failure);
                    assertThat(incident.reason())
                            .contains(
                                    "node " + namespace + " is unfit",
                                    "exit code 78",
                                    "convolution 3x3: error 2.3e-02");
                });
            });
            assertThat(status().phase()).as("another node may be fit").isNotEqualTo(Phase.Failed);
        } finally {
            client.nodes().withName(namespace).delete();
        }
    }

    @Test
    void tooManyFailuresFailTheJob() {
        apply("replicas: 1, recovery: {maxFailures: 1}");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        trainers.failed("job-0", ExitCodes.SOFTWARE, "boom");
        soon().untilAsserted(() -> assertThat(trainers.pods()).contains("job-1"));
        trainers.failed("job-1", ExitCodes.SOFTWARE, "boom again");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Failed))
                .contains("2 failures, recovery.maxFailures allows 1")
                .contains("boom again"));
    }

    @Test
    void aHungMemberIsKilledReplacedAndItsCostRecorded() throws IOException {
        formOfTwo("replicas: 2, recovery: {hungAfterSeconds: 2}, elastic: {growAfterSeconds: 0}");
        trainers.silent("job-1");
        trainers.update("job-0", Map.of("awaitingPeers", true, "stalledSeconds", 9));
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(trainers.world().lost()).hasSize(1);
            assertThat(trainers.pods()).as("killed and replaced").containsExactly("job-0", "job-2");
        });
        long generation = trainers.world().generation();
        trainers.training("job-0", 8, new TrainerReport.Regroup(generation, 2.5, 1, 1, 0.5));
        soon().untilAsserted(() -> assertThat(ledger().incidents()).last().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(IncidentKind.Hang);
            assertThat(incident.pod()).isEqualTo("job-1");
            assertThat(incident.reason()).contains("job-0 has waited for it").contains("it has not reported for");
            assertThat(incident.generation()).isEqualTo(generation);
            assertThat(incident.stepsLost()).isEqualTo(1);
            assertThat(incident.secondsPaused()).isEqualTo(2.5);
        }));
        stopOperator();
        startOperator();
        trainers.training("job-0", 9, new TrainerReport.Regroup(generation, 2.5, 1, 2, 1));
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(9));
        assertThat(ledger().stepsLost())
                .as("a restarted operator counts nothing twice")
                .isEqualTo(1);
        assertThat(ledger().hangs()).isEqualTo(1);
        assertThat(ledger().preemptions()).isZero();
        assertThat(ledger().secondsLostByCause()).containsEntry("Hang", 2.5);
        assertThat(ledger().goodput()).isBetween(0.01, 1.0);
        assertThat(events()).contains("PodHung", "PodKilled", "TrainingResumed");
    }

    @Test
    void aMemberThatDoesNotAnswerIsRemovedAndMayReturn() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        String uid = trainers.world().members().get(1).uid();
        trainers.update("job-0", Map.of("awaitingPeers", true, "stalledSeconds", 3, "lostPeer", uid));
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(members())
                        .as("a connection that has been lost for three seconds is no evidence")
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

    /** Both report, and so each looks alive: without a deadline they would keep trying. */
    @Test
    void oneThatItsPeerDoesNotReachIsPutOutReplacedAndNamed() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        for (int number = 0; number < 2; number++) {
            String peer = trainers.world().members().get(1 - number).uid();
            ReachReport.Failure failure = new ReachReport.Failure(peer, "at 10.0.0.1:7000: Connect timed out", 12.5);
            trainers.update(
                    "job-" + number,
                    Map.of(
                            "awaitingPeers",
                            true,
                            "stalledSeconds",
                            14,
                            "lostPeer",
                            peer,
                            "reach",
                            new ReachReport(trainers.world().generation(), List.of(failure), List.of())));
        }
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(trainers.pods()).as("deleted and replaced").containsExactly("job-0", "job-2");
            assertThat(ledger().incidents()).anySatisfy(incident -> {
                assertThat(incident.kind()).isEqualTo(IncidentKind.Unreachable);
                assertThat(incident.pod()).isEqualTo("job-1");
                assertThat(incident.reason())
                        .contains("job-0 has not reached it for 12 s, at 10.0.0.1:7000: Connect timed out");
            });
        });
        assertThat(trainers.world().lost()).hasSize(1);
        assertThat(ledger().failures()).isZero();
        assertThat(ledger().preemptions()).isEqualTo(1);
        soon().untilAsserted(() -> assertThat(events()).contains("PodUnreachable"));
    }

    @Test
    void trainersOfAnEarlierVersionThatDoNotReachEachOtherArePartedAfterTwentySeconds() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        String uid = trainers.world().members().get(1).uid();
        trainers.update("job-0", Map.of("awaitingPeers", true, "stalledSeconds", 21, "lostPeer", uid));
        soon().atMost(Duration.ofMinutes(2))
                .untilAsserted(
                        () -> { // time counts from the world's beginning
                            assertThat(members()).containsExactly("job-0");
                            assertThat(trainers.pods()).containsExactly("job-0", "job-2");
                        });
    }

    @Test
    void aNewcomerEntersOnceAllMembersHaveReachedIt() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        apply("replicas: 3, elastic: {growAfterSeconds: 0}");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        long generation = trainers.world().generation();
        for (String pod : List.of("job-0", "job-1")) {
            trainers.update(pod, Map.of("reach", ReachReport.NONE));
        }
        trainers.ready("job-2");
        trainers.update("job-2", Map.of("reach", new ReachReport(generation, List.of(), List.of())));
        soon().untilAsserted(() -> assertThat(newcomers()).contains("job-2"));
        String uid = uid("job-2");
        ReachReport reached = new ReachReport(0, List.of(), List.of(uid));
        ReachReport failed = new ReachReport(
                0, List.of(new ReachReport.Failure(uid, "the listener does not hold the key", 3)), List.of());
        trainers.update("job-0", Map.of("reach", reached));
        trainers.update("job-1", Map.of("reach", failed));
        soon().untilAsserted(() -> assertThat(message(ConditionType.Ready))
                .contains("job-2 is ready but may not enter: job-1 does not reach it")
                .contains("does not hold the key"));
        assertThat(trainers.world().generation()).isEqualTo(generation);
        trainers.update("job-1", Map.of("reach", reached));
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1", "job-2");
            assertThat(newcomers()).isEmpty();
        });
    }

    @Test
    void aLoneTrainerIsNotKilledForItsSilenceWhileItMayNotReport() {
        apply("replicas: 1, recovery: {hungAfterSeconds: 4}");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        trainers.ready("job-0");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        long generation = trainers.world().generation();
        TrainerReport.Regroup regroup = new TrainerReport.Regroup(generation, null, 0, 7, 3.5);
        trainers.training("job-0", 7, regroup);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));
        ConfigMap owner = client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName("theirs")
                        .withNamespace(namespace)
                        .endMetadata()
                        .build())
                .create();
        Resource<RoleBinding> binding =
                client.rbac().roleBindings().inNamespace(namespace).withName("job-trainer");
        binding.patch(
                PatchContext.of(PatchType.JSON_MERGE),
                "{\"subjects\": [], \"metadata\": {\"ownerReferences\": [{\"apiVersion\": \"v1\", \"kind\":"
                        + " \"ConfigMap\", \"name\": \"theirs\", \"controller\": true, \"uid\": \""
                        + owner.getMetadata().getUid() + "\"}]}}");
        trainers.silent("job-0");
        soon().untilAsserted(() -> {
            assertThat(status().condition(ConditionType.Stalled).orElseThrow().reason())
                    .isEqualTo("NameTaken");
            assertThat(message(ConditionType.Ready))
                    .contains("RoleBinding job-trainer has a name that this job needs")
                    .contains("RoleBinding job-trainer does not bind ServiceAccount job-trainer");
        });
        await().during(Duration.ofSeconds(12)).atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(trainers.pods()).as("not killed").containsExactly("job-0");
            assertThat(trainers.world().generation()).isEqualTo(generation);
        });

        binding.delete();
        soon().untilAsserted(() -> assertThat(binding.get().getSubjects()).hasSize(1));
        trainers.training("job-0", 90, regroup);
        soon().untilAsserted(() -> {
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
            assertThat(requireNonNull(status().progress()).step()).isEqualTo(90);
        });
        assertThat(ledger().hangs()).isZero();
        trainers.silent("job-0");
        soon().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(trainers.pods())
                        .as("it could report now, so it is hung")
                        .doesNotContain("job-0"));
    }

    private String uid(String pod) {
        return client.pods()
                .inNamespace(namespace)
                .withName(pod)
                .get()
                .getMetadata()
                .getUid();
    }

    private String newcomers() {
        return client.configMaps()
                .inNamespace(namespace)
                .withName(ResourceNames.worldName("job"))
                .get()
                .getData()
                .getOrDefault(ResourceNames.NEWCOMERS_KEY, "");
    }

    @Test
    void aTrainerWhoseNoticeIsWithdrawnStaysAndIsNotCounted() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        trainers.disruption("job-1", "True");
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2");
            assertThat(ledger().preemptions()).isEqualTo(1);
        });
        trainers.disruption("job-1", "False");
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1");
            assertThat(trainers.pods()).as("its successor is not needed").containsExactly("job-0", "job-1");
            assertThat(ledger().preemptions()).isZero();
            assertThat(ledger().incidents())
                    .anySatisfy(incident -> assertThat(incident.reason())
                            .isEqualTo("the notice was withdrawn, and the pod stays: PreemptionByScheduler"));
        });
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(ledger().preemptions()).isEqualTo(1));
    }

    /** The kubelet sends SIGTERM first, and only the end of the pod has the reason. */
    @Test
    void anEvictionForThePodsOwnUseIsAFailureAndSaysWhatToRaise() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        trainers.leaving("job-1", trainers.world().generation());
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(ledger().preemptions()).isEqualTo(1);
        });
        trainers.evicted("job-1", "Container trainer exceeded its local ephemeral storage limit \"500Mi\". ");
        soon().untilAsserted(() -> {
            assertThat(ledger().failures()).isEqualTo(1);
            assertThat(ledger().preemptions()).isZero();
            assertThat(ledger().incidents()).anySatisfy(incident -> {
                assertThat(incident.kind()).isEqualTo(IncidentKind.Failure);
                assertThat(incident.reason())
                        .contains("more than 500Mi", "Raise its resources.limits.ephemeral-storage");
            });
            assertThat(events()).contains("PodFailed");
        });
    }

    @Test
    void newPodsAvoidANodeOnWhichTwoHaveFailed() {
        List<String> nodes = List.of(namespace, namespace + "-other");
        nodes.forEach(node -> client.resource(new NodeBuilder()
                        .withNewMetadata()
                        .withName(node)
                        .addToLabels("kubernetes.io/hostname", node + ".local")
                        .endMetadata()
                        .build())
                .create());
        try {
            apply(
                    "replicas: 1",
                    "nodeName: " + namespace + ", tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists}],"
                            + " affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution:"
                            + " {nodeSelectorTerms: [{matchExpressions: [{key: theirs, operator: Exists}]}]}}}");
            for (String pod : List.of("job-0", "job-1")) {
                soon().untilAsserted(() -> assertThat(trainers.pods()).contains(pod));
                trainers.failed(pod, ExitCodes.SOFTWARE, "boom");
            }
            soon().untilAsserted(() -> {
                assertThat(trainers.pods()).contains("job-2");
                assertThat(requireNonNull(status().avoidedNodes()))
                        .singleElement()
                        .satisfies(node -> {
                            assertThat(node.node()).isEqualTo(namespace);
                            assertThat(node.reason()).contains("2 failures of pods on it", "job-1", "boom");
                        });
                assertThat(message(ConditionType.Ready)).contains("New pods avoid node " + namespace + " until");
                assertThat(events()).contains("NodeAvoided");
            });
            NodeSelectorRequirement theirs = new NodeSelectorRequirement("theirs", "Exists", List.of());
            assertThat(terms("job-1")).as("after one failure").containsExactly(List.of(theirs));
            assertThat(terms("job-2"))
                    .containsExactly(List.of(
                            theirs,
                            new NodeSelectorRequirement(
                                    "kubernetes.io/hostname", "NotIn", List.of(namespace + ".local"))));
        } finally {
            nodes.forEach(node -> client.nodes().withName(node).delete());
        }
    }

    /** Returns the terms of the pod's required node affinity. */
    private List<List<NodeSelectorRequirement>> terms(String pod) {
        return client
                .pods()
                .inNamespace(namespace)
                .withName(pod)
                .get()
                .getSpec()
                .getAffinity()
                .getNodeAffinity()
                .getRequiredDuringSchedulingIgnoredDuringExecution()
                .getNodeSelectorTerms()
                .stream()
                .map(NodeSelectorTerm::getMatchExpressions)
                .toList();
    }

    @Test
    void holdsBelowTheMinimumAndResumes() {
        formOfTwo("replicas: 2, elastic: {minReplicas: 2, growAfterSeconds: 0}");
        trainers.killed("job-1");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().hold()).isTrue();
            assertThat(members()).containsExactly("job-0");
            assertThat(status().phase()).isEqualTo(Phase.Holding);
            assertThat(message(ConditionType.Ready)).contains("1 of at least 2 trainers ready");
            assertThat(ledger().failures()).isEqualTo(1);
        });
        trainers.ready("job-2");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().hold()).isFalse();
            assertThat(members()).containsExactly("job-0", "job-2");
        });
        long generation = trainers.world().generation();
        trainers.training("job-0", 8, new TrainerReport.Regroup(generation, 12.5, 1, 1, 0.5));
        trainers.training("job-2", 8, new TrainerReport.Regroup(generation, null, 0, 1, 0.5));
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Running);
            assertThat(ledger().stepsLost()).isEqualTo(1);
            assertThat(ledger().secondsLostByCause()).containsEntry("Failure", 12.5);
            assertThat(ledger().incidents())
                    .extracting(Incident::kind)
                    .endsWith(IncidentKind.Failure, IncidentKind.Resize);
        });
    }

    @Test
    void removesAPodFromADeadNodeIfNoOtherComponentDoes() {
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
            assertThat(trainers.pods()).as("no kubelet ends it").contains("job-1");
            soon().atMost(Duration.ofSeconds(40))
                    .untilAsserted(() -> assertThat(trainers.pods()).doesNotContain("job-1"));
            assertThat(ledger().preemptions()).isEqualTo(1);
            assertThat(members()).as("job-0 still reports, so it stays").containsExactly("job-0");
        } finally {
            client.nodes().withName(namespace).delete();
        }
    }
}
