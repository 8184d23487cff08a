package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.operator.PodHolds.Events;
import io.swav.planner.Hold;
import io.swav.planner.Hold.Kind;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests with the messages of Kubernetes. */
class PodHoldsTest {
    private static final Instant EARLY = Instant.parse("2026-01-01T00:00:09Z");
    private static final Instant LATE = Instant.parse("2026-01-01T00:01:00Z");
    private static final String CREATING = "ContainerCreating";

    @Test
    void anUnschedulablePodQuotesTheScheduler() {
        String message = "0/1 nodes are available: 1 node(s) had untolerated taint {spot: true}.";
        assertThat(unscheduled("Unschedulable", message, "")).contains(new Hold(Kind.WAITS, "Unschedulable", message));
        assertThat(unscheduled(
                        "SchedulingGated",
                        "Scheduling is blocked due to non-empty scheduling gates",
                        "schedulingGates: [{name: kueue.x-k8s.io/admission}]"))
                .contains(new Hold(
                        Kind.WAITS,
                        "SchedulingGated",
                        "Scheduling is blocked due to non-empty scheduling gates (kueue.x-k8s.io/admission)"));
    }

    @Test
    void aMissingClaimNeedsAPerson() {
        assertThat(unscheduled(
                        "Unschedulable", "0/3 nodes are available: persistentvolumeclaim \"data\" not found.", ""))
                .map(Hold::kind)
                .contains(Kind.NEEDS_ACTION);
        assertThat(unscheduled("Unschedulable", "pod has unbound immediate PersistentVolumeClaims", ""))
                .map(Hold::kind)
                .contains(Kind.WAITS);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            CreateContainerConfigError | configmap "x" not found                                     | NEEDS_ACTION
            CreateContainerConfigError | couldn't find key a in ConfigMap ns/x                       | NEEDS_ACTION
            CreateContainerConfigError | container has runAsNonRoot and image will run as root       | NEEDS_ACTION
            CreateContainerConfigError | failed to sync configmap cache: timed out waiting           | WAITS
            InvalidImageName           | Failed to apply default image tag "A:b:c"                   | NEEDS_ACTION
            ErrImageNeverPull          | Container image "x" is not present with pull policy of Never | NEEDS_ACTION
            ErrImagePull               | failed to resolve reference "r/x:1": r/x:1: not found       | NEEDS_ACTION
            ErrImagePull               | pull access denied, repository does not exist               | NEEDS_ACTION
            ErrImagePull               | dial tcp 10.0.0.1:443: i/o timeout                          | WAITS
            ErrImagePull               | toomanyrequests: You have reached your pull rate limit      | WAITS
            ImagePullBackOff           | Back-off pulling image "x"                                  | WAITS
            ImageInspectError          | Failed to inspect image "x": rpc error                      | WAITS
            CreateContainerError       | context deadline exceeded                                   | WAITS
            CreateContainerError       | failed to create: exec: "trian": executable file not found in $PATH | NEEDS_ACTION
            RunContainerError          | exec format error                                           | NEEDS_ACTION
            CrashLoopBackOff           | back-off 10s restarting failed container                    | WAITS
            """)
    void aWaitingContainerStatesItsReason(String reason, String message, Kind kind) {
        assertThat(PodHolds.of(waiting(reason, message), Events.NONE, LATE)).contains(new Hold(kind, reason, message));
        assertThat(PodHolds.of(waiting(reason, message), Events.NONE, EARLY))
                .as("what is missing may be applied a moment later")
                .contains(new Hold(Kind.WAITS, reason, message));
    }

    @Test
    void aBackOffIsJudgedByTheRegistrysAnswer() {
        Pod pod = waiting("ImagePullBackOff", "Back-off pulling image \"x\"");
        assertThat(PodHolds.needsEvents(pod, LATE)).isTrue();
        String failure = "Failed to pull image \"x\": rpc error: manifest unknown";
        assertThat(PodHolds.of(
                        pod,
                        events(
                                event("Warning", "Failed", failure, 10),
                                event("Warning", "Failed", "Error: ErrImagePull", 11),
                                event("Normal", "BackOff", "Back-off pulling image", 50)),
                        LATE))
                .contains(new Hold(Kind.NEEDS_ACTION, "ImagePullBackOff", "Back-off pulling image \"x\"; " + failure));
    }

    @Test
    void aVolumeThatIsNotMountedIsInTheEventsAlone() {
        Pod pod = waiting(CREATING, "");
        assertThat(PodHolds.needsEvents(pod, EARLY)).as("it starts as pods do").isFalse();
        assertThat(PodHolds.of(pod, Events.NONE, EARLY)).isEmpty();
        assertThat(PodHolds.needsEvents(pod, LATE)).isTrue();
        String missing = "MountVolume.SetUp failed for volume \"conf\" : configmap \"x\" not found";
        Event mount = event("Warning", "FailedMount", missing, 20);
        Hold hold = new Hold(Kind.NEEDS_ACTION, "FailedMount", missing);
        assertThat(PodHolds.of(pod, events(event("Normal", "Scheduled", "assigned", 1), mount), LATE))
                .contains(hold);
        assertThat(PodHolds.of(
                        pod,
                        events(
                                mount,
                                event("Warning", "FailedMount", "Unable to attach or mount volumes: timed out", 30)),
                        LATE))
                .as("the later one has less information")
                .contains(hold);
        assertThat(PodHolds.of(pod, events(mount, event("Normal", "Pulling", "Pulling image", 40)), LATE))
                .as("mounted meanwhile")
                .isEmpty();
        assertThat(PodHolds.of(
                        pod,
                        events(event("Warning", "FailedMount", "failed to sync configmap cache: timed out", 5)),
                        LATE))
                .map(Hold::kind)
                .contains(Kind.WAITS);
    }

    @Test
    void statesThatEventsCannotBeRead() {
        assertThat(PodHolds.of(
                        waiting(CREATING, ""),
                        new Events(List.of(), Optional.of("the role may not list events")),
                        LATE))
                .contains(new Hold(
                        Kind.WAITS,
                        CREATING,
                        "the pod's Events, which may name the cause, cannot be read: the role may not list events."
                                + " See kubectl describe pod job-0"));
    }

    @Test
    void aPodThatNoSchedulerHasProcessedIsHeld() {
        Pod pod = pod("schedulerName: mine", "phase: Pending");
        assertThat(PodHolds.of(pod, Events.NONE, EARLY)).isEmpty();
        assertThat(PodHolds.of(pod, Events.NONE, LATE))
                .contains(new Hold(
                        Kind.WAITS, "NotScheduled", "no scheduler has processed the pod (spec.schedulerName mine)"));
        assertThat(PodHolds.of(
                        pod, events(event("Warning", "FailedScheduling", "binding rejected: forbidden", 2)), LATE))
                .contains(new Hold(Kind.WAITS, "FailedScheduling", "binding rejected: forbidden"));
    }

    @Test
    void aRunningPodIsNotHeldAndNotCheckedAgain() {
        Pod running = pod("nodeName: n", "phase: Running, containerStatuses: [{name: trainer, state: {running: {}}}]");
        assertThat(PodHolds.of(running, Events.NONE, LATE)).isEmpty();
        assertThat(PodHolds.recheckAt(running, LATE)).isEmpty();
        assertThat(PodHolds.recheckAt(waiting(CREATING, ""), EARLY)).contains(Instant.parse("2026-01-01T00:00:10Z"));
        assertThat(PodHolds.recheckAt(waiting(CREATING, ""), LATE)).contains(LATE.plus(PodHolds.RECHECK_EVERY));
        assertThat(PodHolds.recheckAt(
                        pod("", "phase: Pending, conditions: [" + condition("Unschedulable", "m") + "]"), LATE))
                .as("the pod changes when that does")
                .isEmpty();
    }

    private static Optional<Hold> unscheduled(String reason, String message, String spec) {
        return PodHolds.of(
                pod(spec, "phase: Pending, conditions: [" + condition(reason, message) + "]"), Events.NONE, LATE);
    }

    private static String condition(String reason, String message) {
        return "{type: PodScheduled, status: 'False', reason: " + reason + ", message: '" + message + "'}";
    }

    private static Pod waiting(String reason, String message) {
        return pod(
                "nodeName: n",
                "phase: Pending, containerStatuses: [{name: trainer, state: {waiting: {reason: " + reason
                        + ", message: '" + message.replace("'", "''") + "'}}}]");
    }

    private static Pod pod(String spec, String status) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: uid-0, creationTimestamp: '2026-01-01T00:00:00Z'}
                spec: {%s}
                status: {%s}
                """.formatted(spec, status), Pod.class);
    }

    private static Events events(Event... events) {
        return new Events(Arrays.asList(events), Optional.empty());
    }

    private static Event event(String type, String reason, String message, int second) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: e}
                type: %s
                reason: %s
                message: '%s'
                lastTimestamp: '2026-01-01T00:00:%02dZ'
                """.formatted(type, reason, message, second), Event.class);
    }
}
