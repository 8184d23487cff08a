package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.local.LocalControlPlane;
import io.swav.local.ProcessNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pods cannot start on a local node: the job reports why and whether intervention is needed, and starts when it can. */
class HeldPodsIT extends OperatedJob {
    private static final int NUMBER = 80;
    private static final String CONTAINER = "{name: trainer, image: none, command: [sleep, '1000'],"
            + " readinessProbe: {exec: {command: ['true']}, periodSeconds: 1}, %s}";
    private static final String ON_NODE = "automountServiceAccountToken: false, terminationGracePeriodSeconds: 1,"
            + " nodeSelector: {kubernetes.io/hostname: " + ProcessNode.name(NUMBER) + "}";

    @TempDir
    Path dir;

    private ProcessNode node;

    HeldPodsIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @BeforeEach
    void startNode() {
        node = ProcessNode.start(new ProcessNode.Options(cluster.kubeconfig(), dir, NUMBER, 1, Map.of()));
    }

    @AfterEach
    void endNode() {
        job().delete();
        client.pods().inNamespace(namespace).withGracePeriod(0).delete();
        node.close();
        client.nodes().withName(ProcessNode.name(NUMBER)).delete();
    }

    @Test
    void aMissingConfigMapOfAVolumeStallsTheJobUntilItIsThere() {
        apply(
                "replicas: 1",
                "volumeMounts: [{name: conf, mountPath: /conf}]",
                "volumes: [{name: conf, configMap: {name: settings}}]");
        String missing = "job-0: FailedMount: MountVolume.SetUp failed for volume \"conf\" :"
                + " configmap \"settings\" not found";
        awaitCondition(
                ConditionType.Stalled,
                c -> c.status().equals("True")
                        && c.reason().equals("PodCannotStart")
                        && c.message().contains("1 of 1 pod cannot start: " + missing));
        assertThat(waitingReason("job-0"))
                .as("as with a kubelet, only an Event shows the reason")
                .isEqualTo("ContainerCreating");
        assertThat(message(ConditionType.Ready)).contains(missing);
        assertThat(events()).contains("FailedMount", "Stalled");

        makeSettings();
        startsAndTrains();
    }

    @Test
    void aMissingConfigMapOfTheEnvironmentStallsTheJobUntilItIsThere() {
        apply("replicas: 1", "envFrom: [{configMapRef: {name: settings}}]", "volumes: []");
        String missing = "job-0: CreateContainerConfigError: configmap \"settings\" not found";
        awaitCondition(ConditionType.Ready, c -> c.message().contains(missing));
        awaitCondition(
                ConditionType.Stalled,
                c -> c.status().equals("True") && c.message().contains(missing));
        makeSettings();
        startsAndTrains();
    }

    @Test
    void waitsForAnUntoleratedTaintWithoutStalling() {
        taint(true);
        apply("replicas: 1", "env: []", "volumes: []");
        String sentence = "1 of 1 pod cannot start: job-0: Unschedulable: 0/";
        awaitCondition(
                ConditionType.Ready,
                c -> c.message().contains(sentence) && c.message().contains("untolerated taint {reserved: }"));
        awaitCondition(
                ConditionType.Stalled,
                c -> c.status().equals("False")
                        && c.reason().equals("Waiting")
                        && c.message().startsWith("Waiting: " + sentence));
        taint(false);
        startsAndTrains();
    }

    @Test
    void namesTheHeldPodOfAResizeWhileTheJobContinuesTraining() {
        apply("replicas: 1", "env: []", "volumes: []");
        startsAndTrains();
        taint(true);
        apply("replicas: 2", "env: []", "volumes: []");
        String sentence = "1 of 2 wanted trainers are in the world. 1 of 2 pods cannot start: job-1: Unschedulable: 0/";
        for (ConditionType type : new ConditionType[] {ConditionType.Ready, ConditionType.Resizing}) {
            awaitCondition(type, c -> c.message().startsWith(sentence));
        }
        assertThat(status().isTrue(ConditionType.Running)).isTrue();
        assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        assertThat(message(ConditionType.Stalled)).startsWith("Waiting: 1 of 2 pods cannot start: job-1");
    }

    private void apply(String spec, String container, String podSpec) {
        applyTemplate(
                spec,
                "{spec: {containers: [" + CONTAINER.formatted(container) + "], " + ON_NODE + ", " + podSpec + "}}");
    }

    private void makeSettings() {
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName("settings")
                        .withNamespace(namespace)
                        .endMetadata()
                        .addToData("greeting", "hello")
                        .build())
                .create();
    }

    /** The node starts the pod's process; the test sends the reports of its trainer. */
    private void startsAndTrains() {
        soonEnough()
                .until(() -> client.pods()
                        .inNamespace(namespace)
                        .withName("job-0")
                        .get()
                        .getStatus()
                        .getPhase()
                        .equals("Running"));
        trainers.reportsReady("job-0");
        soonEnough().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        trainers.training("job-0", trainers.world().generation(), 7);
        awaitCondition(ConditionType.Ready, c -> c.status().equals("True"));
        assertThat(message(ConditionType.Stalled)).isEqualTo("Nothing blocks the job");
    }

    private void taint(boolean on) {
        client.nodes()
                .withName(ProcessNode.name(NUMBER))
                .patch(
                        PatchContext.of(PatchType.JSON_MERGE),
                        on
                                ? "{\"spec\": {\"taints\": [{\"key\": \"reserved\", \"effect\": \"NoSchedule\"}]}}"
                                : "{\"spec\": {\"taints\": null}}");
    }

    private void awaitCondition(ConditionType type, Predicate<JobCondition> wanted) {
        soonEnough()
                .untilAsserted(() ->
                        assertThat(status().condition(type)).isPresent().get().matches(wanted));
    }

    private String waitingReason(String name) {
        Pod pod = client.pods().inNamespace(namespace).withName(name).get();
        return Optional.ofNullable(
                        pod.getStatus().getContainerStatuses().get(0).getState().getWaiting())
                .orElseThrow()
                .getReason();
    }

    private static ConditionFactory soonEnough() {
        return await().atMost(Duration.ofSeconds(60)).ignoreExceptions();
    }
}
