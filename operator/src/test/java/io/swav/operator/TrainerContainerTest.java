package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.TrainerReport;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Admission webhooks add containers to trainer pods; the trainer's stays the one that counts. */
class TrainerContainerTest {
    private static final TrainerReport READY = Jobs.report(
            "{pod: job-0, uid: pod-uid, state: Ready, address: '10.0.0.1:7000', steps: 100, message: words, time: t}");

    @Test
    void findsTheTrainerBehindAnInjectedContainer() {
        for (String names :
                List.of("{name: work}", "{name: first}, {name: trainer}", "{name: first}, {name: second}")) {
            Pod made = injected(Jobs.yaml("{spec: {containers: [" + names + "]}}"));
            String trainer = names.contains("trainer") ? "trainer" : names.contains("work") ? "work" : "first";
            assertThat(TrainerContainer.of(made.getSpec()).getName()).isEqualTo(trainer);
        }
    }

    @Test
    void findsTheTrainerOfAPodWithoutTheMark() {
        assertThat(TrainerContainer.of(pod("[{name: a}, {name: trainer}]", "").getSpec())
                        .getName())
                .isEqualTo("trainer");
        assertThat(TrainerContainer.of(pod("[{name: a}, {name: b}]", "").getSpec())
                        .getName())
                .isEqualTo("a");
    }

    @Test
    void aTemplateMayGiveTheVariableToItsSidecarsToo() {
        String env = "env: [{name: SWAV_JOB_UID, value: u}]";
        assertThat(TrainerContainer.of(pod("[{name: a, " + env + "}, {name: trainer, " + env + "}]", "")
                                .getSpec())
                        .getName())
                .isEqualTo("trainer");
    }

    @Test
    void readinessIsThatOfTheTrainersContainer() {
        String mesh = "{name: mesh, ready: false, state: {waiting: {reason: ImagePullBackOff}}}";
        assertThat(state("phase: Pending, containerStatuses: [" + mesh
                        + ", {name: work, ready: true, state: {running: {}}}],"
                        + " conditions: [{type: Ready, status: 'False'}]"))
                .as("a sidecar that never starts keeps no trainer out")
                .isInstanceOf(PodState.Ready.class);
        assertThat(state("phase: Running, containerStatuses: [{name: mesh, ready: true, state: {running: {}}},"
                        + " {name: work, ready: false, state: {running: {}}}],"
                        + " conditions: [{type: Ready, status: 'True'}]"))
                .isInstanceOf(PodState.Starting.class);
    }

    @Test
    void endsWithTheTrainersContainer() {
        assertThat(state("phase: Running, containerStatuses: [{name: mesh, ready: true, state: {running: {}}},"
                        + " {name: work, state: {terminated: {exitCode: 70, reason: Error, message: words}}}]"))
                .isEqualTo(new PodState.Ended(Cause.FAILED, "exit code 70: words"));
        assertThat(state("phase: Running, containerStatuses: [{name: mesh, state: {terminated: {exitCode: 1}}},"
                        + " {name: work, ready: true, state: {running: {}}}]"))
                .isInstanceOf(PodState.Ready.class);
    }

    @Test
    void theRevisionIsOfWhatTheTemplateSays() {
        JsonNode template = Jobs.yaml("{metadata: {labels: {a: b}}, spec: {containers: [{name: trainer, image: x}]}}");
        String revision = TrainerPod.revision(template);
        assertThat(revision).hasSize(16);
        assertThat(TrainerPod.revision(
                        Jobs.yaml("{spec: {volumes: [], nodeSelector: null, containers: [{image: x, name:"
                                + " trainer}]}, metadata: {labels: {a: b}}}")))
                .as("order, null and empty lists")
                .isEqualTo(revision);
        for (String other : List.of(
                "{metadata: {labels: {a: b}}, spec: {containers: [{name: trainer, image: y}]}}",
                "{metadata: {labels: {a: c}}, spec: {containers: [{name: trainer, image: x}]}}",
                "{metadata: {annotations: {t: n}, labels: {a: b}}, spec: {containers: [{name: trainer, image: x}]}}")) {
            assertThat(TrainerPod.revision(Jobs.yaml(other))).isNotEqualTo(revision);
        }
        assertThat(TrainerPod.of(Jobs.job("replicas: 1"), template, "job-0")
                        .getMetadata()
                        .getLabels())
                .containsEntry("swav.io/template-revision", revision);
    }

    /** Returns the pod of a template after a webhook has put a container in front. */
    private static Pod injected(JsonNode template) {
        Pod made = TrainerPod.of(Jobs.job("replicas: 1"), template, "job-0");
        List<Container> containers = new ArrayList<>(made.getSpec().getContainers());
        containers.add(
                0, Serialization.unmarshal("---\n{name: mesh, env: [{name: PROXY, value: x}]}", Container.class));
        return new PodBuilder(made)
                .editSpec()
                .withContainers(containers)
                .endSpec()
                .build();
    }

    private static PodState state(String status) {
        return PodClassifier.classify(
                        new Signals(List.of()),
                        pod("[{name: mesh}, {name: work, env: [{name: SWAV_JOB_UID, value: uid-1}]}]", status),
                        Optional.of(Serialization.unmarshal(
                                "---\nmetadata: {name: n}", io.fabric8.kubernetes.api.model.Node.class)),
                        Optional.of(READY),
                        Optional.of(Duration.ZERO),
                        Optional.empty())
                .state();
    }

    private static Pod pod(String containers, String status) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: pod-uid, creationTimestamp: '2026-01-01T00:00:00Z'}
                spec: {nodeName: n, containers: %s}
                status: {%s}
                """.formatted(containers, status), Pod.class);
    }
}
