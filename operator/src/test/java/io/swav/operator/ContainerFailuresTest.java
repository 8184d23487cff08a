package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.operator.PodHolds.Events;
import io.swav.planner.Hold;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Containers beside the trainer that fail are named with their own words. */
class ContainerFailuresTest {
    private static final Instant LATE = Instant.parse("2026-01-01T00:01:00Z");
    private static final String BAD_END =
            "terminated: {exitCode: 3, reason: Error, message: \"first\\nno such bucket\\n\"}";

    @Test
    void anInitContainerThatFailsEndsThePodWithItsWords() {
        Pod pod = pod("phase: Failed, initContainerStatuses: [{name: fetch, state: {" + BAD_END + "}}],"
                + " containerStatuses: [{name: trainer, state: {waiting: {reason: PodInitializing}}}]");
        assertThat(PodClassifier.classify(
                                new Signals(List.of()),
                                pod,
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty())
                        .state())
                .isEqualTo(new PodState.Ended(
                        Cause.FAILED, "init container fetch ended with exit code 3: no such bucket"));
    }

    @Test
    void aNativeSidecarThatCrashesInALoopIsQuoted() {
        Pod pod =
                pod("phase: Pending, initContainerStatuses: [{name: proxy, state: {waiting: {reason: CrashLoopBackOff,"
                        + " message: back-off 10s}}, lastState: {" + BAD_END + "}}],"
                        + " containerStatuses: [{name: trainer, state: {waiting: {reason: PodInitializing}}}]");
        assertThat(PodHolds.of(pod, Events.NONE, LATE))
                .contains(new Hold(
                        Hold.Kind.WAITS,
                        "CrashLoopBackOff",
                        "sidecar proxy: back-off 10s; it ended with exit code 3: no such bucket"));
    }

    @Test
    void failedSidecarsOfATrainerThatRunsAreNamed() {
        String trainer = "{name: trainer, ready: true, state: {running: {}}}";
        Pod pod = pod("phase: Running, containerStatuses: [" + trainer + ", {name: logs, state: {" + BAD_END + "}}],"
                + " initContainerStatuses: [{name: fetch, state: {terminated: {exitCode: 0}}}, {name: proxy, state:"
                + " {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason:"
                + " OOMKilled}}}]");
        assertThat(ContainerFailures.ofSidecars(pod))
                .contains("sidecar proxy ended with exit code 137 (OOMKilled); sidecar logs ended with exit code 3: no"
                        + " such bucket");
        assertThat(ContainerFailures.ofInit(pod)).isEmpty();
        for (String fine : new String[] {
            "{name: logs, state: {running: {}}, lastState: {" + BAD_END + "}}",
            "{name: logs, state: {terminated: {exitCode: 0}}}",
            "{name: logs, state: {terminated: {exitCode: 143}}}"
        }) {
            assertThat(ContainerFailures.ofSidecars(
                            pod("phase: Running, containerStatuses: [" + trainer + ", " + fine + "]")))
                    .as(fine)
                    .isEmpty();
        }
    }

    private static Pod pod(String status) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: pod-uid, creationTimestamp: '2026-01-01T00:00:00Z'}
                spec:
                  nodeName: n
                  initContainers: [{name: fetch}, {name: proxy, restartPolicy: Always}]
                  containers: [{name: trainer}, {name: logs}]
                status: {%s}
                """.formatted(status), Pod.class);
    }
}
