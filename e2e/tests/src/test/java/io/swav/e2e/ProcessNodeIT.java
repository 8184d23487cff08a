package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.LocalControlPlane;
import io.swav.local.PodLogs;
import io.swav.local.ProcessNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(TestCluster.class)
class ProcessNodeIT {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String NAMESPACE = "process-node";

    @TempDir
    Path dir;

    private final LocalControlPlane cluster;
    private final KubernetesClient client;
    private ProcessNode node;

    ProcessNodeIT(LocalControlPlane cluster, KubernetesClient client) {
        this.cluster = cluster;
        this.client = client;
    }

    @BeforeEach
    void startNode() {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(NAMESPACE)
                        .endMetadata()
                        .build())
                .serverSideApply();
        await().atMost(LIMIT)
                .until(() -> Optional.ofNullable(client.serviceAccounts()
                                .inNamespace(NAMESPACE)
                                .withName("default")
                                .get())
                        .filter(account -> !account.getSecrets().isEmpty() || !isOld())
                        .isPresent());
        node = start();
    }

    private boolean isOld() {
        return TestCluster.minorVersion(client) < 24;
    }

    private ProcessNode start() {
        return ProcessNode.start(
                new ProcessNode.Options(cluster.kubeconfig(), dir, 0, 2, Map.of("nvidia.com/gpu", new Quantity("1"))));
    }

    @AfterEach
    void endNode() {
        client.pods().inNamespace(NAMESPACE).withGracePeriod(0).delete();
        await().atMost(LIMIT)
                .until(() ->
                        client.pods().inNamespace(NAMESPACE).list().getItems().isEmpty());
        node.close();
    }

    @Test
    void passesEnvironmentVolumesAndArgumentsToAContainer() throws Exception {
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName("settings")
                        .withNamespace(NAMESPACE)
                        .endMetadata()
                        .addToData("greeting", "hello")
                        .build())
                .serverSideApply();
        Path host = Files.writeString(dir.resolve("host.txt"), "from the host");
        apply("""
                metadata: {name: everything, labels: {tier: test}}
                spec:
                  restartPolicy: Never
                  containers:
                  - name: main
                    image: none
                    command: [sh, -c]
                    args: ['echo "$(WHO) $GREETING $TIER $POD"; cat /etc/conf/greeting /host/host.txt; touch /scratch/x; ls "$SCRATCH"; test -s "$KUBECONFIG"; exit 7']
                    env:
                    - {name: NAME, value: swav}
                    - {name: WHO, value: I am $(NAME)}
                    - {name: SCRATCH, value: /scratch}
                    - {name: GREETING, valueFrom: {configMapKeyRef: {name: settings, key: greeting}}}
                    - {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
                    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                    terminationMessagePolicy: FallbackToLogsOnError
                    volumeMounts:
                    - {name: conf, mountPath: /etc/conf}
                    - {name: scratch, mountPath: /scratch/}
                    - {name: host, mountPath: /host}
                  volumes:
                  - {name: conf, configMap: {name: settings}}
                  - {name: scratch, emptyDir: {}}
                  - {name: host, hostPath: {path: %s}}
                """.formatted(host.getParent()));
        Pod pod = awaitPod("everything", p -> phase(p).equals("Failed"));
        ContainerStateTerminated end = terminated(pod);
        assertThat(end.getExitCode()).isEqualTo(7);
        assertThat(end.getReason()).isEqualTo("Error");
        assertThat(end.getMessage()).contains("I am swav hello test everything", "hellofrom the host", "x");
        assertThat(pod.getStatus().getPodIP()).isEqualTo("127.0.0.1");
        assertThat(condition(pod, "Ready")).isEqualTo("False");
        assertThat(condition(pod, "Initialized")).isEqualTo("True");
    }

    @Test
    void isReadyWhenTheProbePassesAndEndsOnNotice() {
        apply("""
                metadata: {name: probed}
                spec:
                  restartPolicy: Never
                  terminationGracePeriodSeconds: 20
                  containers:
                  - name: main
                    image: none
                    command: [sh, -c, 'trap "echo leaving; exit 0" TERM; while [ ! -f /run/t/go ]; do sleep 0.1; done; touch /run/t/ready; while :; do sleep 0.1; done']
                    readinessProbe: {exec: {command: [test, -f, /run/t/ready]}, periodSeconds: 1}
                    volumeMounts: [{name: run, mountPath: /run/t}]
                  volumes: [{name: run, hostPath: {path: %s}}]
                """.formatted(dir));
        Pod running = awaitPod("probed", p -> phase(p).equals("Running"));
        assertThat(condition(running, "Ready")).isEqualTo("False");
        write("go");
        awaitPod("probed", p -> condition(p, "Ready").equals("True"));
        long pid = pid(client.pods().inNamespace(NAMESPACE).withName("probed").get());

        client.pods().inNamespace(NAMESPACE).withName("probed").delete();
        await().atMost(LIMIT)
                .until(() ->
                        client.pods().inNamespace(NAMESPACE).withName("probed").get() == null);
        assertThat(ProcessHandle.of(pid)).isEmpty();
        assertThat(log("probed")).contains("leaving");
    }

    @Test
    void killsProcessesThatIgnoreTheNoticeAndTheirChildren() throws Exception {
        apply("""
                metadata: {name: stubborn}
                spec:
                  restartPolicy: Never
                  containers:
                  - {name: main, image: none, command: [sh, -c, 'trap "" TERM; sleep 1000 & echo $! > %s/child; wait; while :; do sleep 1; done']}
                """.formatted(dir));
        awaitPod("stubborn", p -> phase(p).equals("Running"));
        Path file = dir.resolve("child");
        await().atMost(LIMIT).until(() -> Files.exists(file) && Files.size(file) > 0);
        long child = Long.parseLong(Files.readString(file).strip());
        client.pods()
                .inNamespace(NAMESPACE)
                .withName("stubborn")
                .withGracePeriod(1)
                .delete();
        await().atMost(LIMIT)
                .until(() -> client.pods()
                                .inNamespace(NAMESPACE)
                                .withName("stubborn")
                                .get()
                        == null);
        await().atMost(LIMIT).until(() -> ProcessHandle.of(child).isEmpty());
    }

    @Test
    void restartsContainersThatFailOrAreNotAlive() {
        apply("""
                metadata: {name: phoenix}
                spec:
                  restartPolicy: OnFailure
                  terminationGracePeriodSeconds: 1
                  containers:
                  - name: main
                    image: none
                    command: [sh, -c, 'test -f %1$s/second && exit 0; touch %1$s/second; exec sleep 1000']
                    livenessProbe: {exec: {command: ['false']}, periodSeconds: 1, failureThreshold: 2}
                """.formatted(dir));
        Pod pod = awaitPod("phoenix", p -> phase(p).equals("Succeeded"));
        assertThat(pod.getStatus().getContainerStatuses().get(0).getRestartCount())
                .isEqualTo(1);
        assertThat(terminated(pod).getExitCode()).isZero();
    }

    @Test
    void adoptsRunningPodsAndNoticesThoseThatEndedMeanwhile() {
        apply(sleeper("survivor", ""));
        apply("""
                metadata: {name: finisher}
                spec:
                  restartPolicy: Never
                  containers:
                  - {name: main, image: none, command: [sh, -c, 'while [ ! -f %s/finish ]; do sleep 0.1; done; exit 5']}
                """.formatted(dir));
        long survivor = pid(awaitPod("survivor", p -> phase(p).equals("Running")));
        long finisher = pid(awaitPod("finisher", p -> phase(p).equals("Running")));
        node.detach();
        write("finish");
        await().atMost(LIMIT).until(() -> ProcessHandle.of(finisher).isEmpty());

        node = start();
        Pod ended = awaitPod("finisher", p -> phase(p).equals("Failed"));
        assertThat(terminated(ended).getExitCode()).isEqualTo(5);
        Pod alive = awaitPod("survivor", p -> phase(p).equals("Running"));
        assertThat(pid(alive)).isEqualTo(survivor);
        assertThat(alive.getStatus().getContainerStatuses().get(0).getRestartCount())
                .isZero();
        ProcessHandle.of(survivor).orElseThrow().destroyForcibly();
        assertThat(terminated(awaitPod("survivor", p -> phase(p).equals("Failed")))
                        .getExitCode())
                .isEqualTo(137);
    }

    @Test
    void reportsWhyAPodCannotStart() {
        apply("""
                metadata: {name: wanting}
                spec:
                  restartPolicy: Never
                  containers:
                  - {name: main, image: none, command: ['true'], env: [{name: X, valueFrom: {configMapKeyRef: {name: nowhere, key: x}}}]}
                """);
        Pod waiting = awaitPod("wanting", p -> reason(p).equals("CreateContainerConfigError"));
        assertThat(waiting.getStatus()
                        .getContainerStatuses()
                        .get(0)
                        .getState()
                        .getWaiting()
                        .getMessage())
                .contains("configmap \"nowhere\" not found");
        apply("""
                metadata: {name: imageless}
                spec: {containers: [{name: main, image: example/unknown}]}
                """);
        awaitPod("imageless", p -> reason(p).equals("CreateContainerConfigError"));
    }

    /** As with a kubelet, the container is being created, an Event shows the reason, and it starts when it can. */
    @Test
    void reportsAMissingVolumeInAnEventAndMountsItWhenItCan() {
        apply("""
                metadata: {name: unmounted}
                spec:
                  restartPolicy: Never
                  containers:
                  - {name: main, image: none, command: [cat, /conf/greeting], volumeMounts: [{name: conf, mountPath: /conf}]}
                  volumes: [{name: conf, configMap: {name: later}}]
                """);
        await().atMost(LIMIT)
                .untilAsserted(() -> assertThat(client.v1()
                                .events()
                                .inNamespace(NAMESPACE)
                                .list()
                                .getItems())
                        .anySatisfy(event -> {
                            assertThat(event.getInvolvedObject().getName()).isEqualTo("unmounted");
                            assertThat(event.getReason()).isEqualTo("FailedMount");
                            assertThat(event.getMessage())
                                    .isEqualTo("MountVolume.SetUp failed for volume \"conf\" : configmap \"later\" not"
                                            + " found");
                        }));
        assertThat(reason(awaitPod("unmounted", p -> phase(p).equals("Pending"))))
                .isEqualTo("ContainerCreating");
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName("later")
                        .withNamespace(NAMESPACE)
                        .endMetadata()
                        .addToData("greeting", "hello")
                        .build())
                .create();
        awaitPod("unmounted", p -> phase(p).equals("Succeeded"));
    }

    @Test
    void schedulesByCapacityAndCordonAndEvictsOnTaint() {
        String gpu = "resources: {limits: {nvidia.com/gpu: '1'}}";
        apply(sleeper("one", gpu));
        apply(sleeper("two", gpu));
        Pod one = awaitPod("one", p -> phase(p).equals("Running"));
        Pod two = awaitPod("two", p -> phase(p).equals("Running"));
        assertThat(one.getSpec().getNodeName()).isNotEqualTo(two.getSpec().getNodeName());

        apply(sleeper("three", gpu));
        Pod three = awaitPod("three", p -> condition(p, "PodScheduled").equals("False"));
        assertThat(three.getStatus().getConditions().get(0).getMessage())
                .isEqualTo("0/2 nodes are available: 2 Insufficient nvidia.com/gpu.");

        client.nodes()
                .withName(one.getSpec().getNodeName())
                .edit(n -> n.edit()
                        .editSpec()
                        .addNewTaint("NoExecute", "spot", null, "leaving")
                        .endSpec()
                        .build());
        await().atMost(LIMIT)
                .until(() ->
                        client.pods().inNamespace(NAMESPACE).withName("one").get() == null);
        client.nodes()
                .withName(one.getSpec().getNodeName())
                .edit(n -> n.edit().editSpec().withTaints().endSpec().build());
        assertThat(awaitPod("three", p -> phase(p).equals("Running")).getSpec().getNodeName())
                .isEqualTo(one.getSpec().getNodeName());
    }

    private static String sleeper(String name, String more) {
        return """
                metadata: {name: %s}
                spec:
                  restartPolicy: Never
                  terminationGracePeriodSeconds: 1
                  containers:
                  - name: main
                    image: none
                    command: [sleep, '1000']
                    %s
                """.formatted(name, more);
    }

    private void apply(String yaml) {
        Pod pod = Serialization.unmarshal("apiVersion: v1\nkind: Pod\n" + yaml, Pod.class);
        client.resource(new PodBuilder(pod)
                        .editMetadata()
                        .withNamespace(NAMESPACE)
                        .endMetadata()
                        .build())
                .create();
    }

    private Pod awaitPod(String name, Predicate<Pod> wanted) {
        return await("pod " + name)
                .atMost(LIMIT)
                .until(
                        () -> client.pods()
                                .inNamespace(NAMESPACE)
                                .withName(name)
                                .get(),
                        p -> p != null && wanted.test(p));
    }

    private void write(String name) {
        try {
            Files.createFile(dir.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String log(String pod) {
        return PodLogs.find(dir, NAMESPACE, pod, Optional.empty())
                .map(file -> {
                    try {
                        return Files.readString(file);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .orElseThrow();
    }

    private static String phase(Pod pod) {
        return String.valueOf(pod.getStatus().getPhase());
    }

    private static String reason(Pod pod) {
        return pod.getStatus().getContainerStatuses().stream()
                .filter(s -> s.getState().getWaiting() != null)
                .map(s -> s.getState().getWaiting().getReason())
                .findFirst()
                .orElse("");
    }

    private static ContainerStateTerminated terminated(Pod pod) {
        return pod.getStatus().getContainerStatuses().get(0).getState().getTerminated();
    }

    private static String condition(Pod pod, String type) {
        return pod.getStatus().getConditions().stream()
                .filter(c -> c.getType().equals(type))
                .map(c -> c.getStatus())
                .findFirst()
                .orElse("");
    }

    private static long pid(Pod pod) {
        String id = pod.getStatus().getContainerStatuses().get(0).getContainerID();
        return Long.parseLong(id.substring("process://".length()));
    }
}
