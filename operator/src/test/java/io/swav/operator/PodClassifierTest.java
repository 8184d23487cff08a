package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.planner.Hold;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PodClassifierTest {
    private static final String READY = "phase: Running, conditions: [{type: Ready, status: 'True'}]";

    @Test
    void readyNeedsTheProbeAndTheTrainersAddress() {
        assertThat(stateOf(READY, "", report(State.Ready, 0))).isEqualTo(new PodState.Ready("10.0.0.1:7000"));
        assertThat(stateOf(READY, "", null)).isEqualTo(new PodState.Starting("starting"));
        assertThat(stateOf("phase: Running", "", report(State.Starting, 0))).isEqualTo(new PodState.Starting("words"));
        assertThat(stateOf(READY, "", report("another-uid", State.Ready, 0)))
                .as("the report of an earlier pod of that name")
                .isEqualTo(new PodState.Starting("starting"));
    }

    @Test
    void startingStatesWhatItWaitsFor() {
        Hold hold = new Hold(Hold.Kind.WAITS, "Unschedulable", "0/3 nodes");
        assertThat(held(hold)).isEqualTo(new PodState.Starting("Unschedulable: 0/3 nodes", Optional.of(hold)));
        assertThat(stateOf(
                        "phase: Pending, containerStatuses: [{name: trainer, state: {waiting: {reason:"
                                + " ContainerCreating}}}]",
                        "",
                        null))
                .isEqualTo(new PodState.Starting("ContainerCreating"));
        assertThat(stateOf("phase: Pending", "", null, "status: {conditions: [{type: Ready, status: Unknown}]}"))
                .isEqualTo(
                        new PodState.Starting(new Hold(Hold.Kind.WAITS, "NodeNotReady", "node n is not responding")));
    }

    private static PodState held(Hold hold) {
        return PodClassifier.classify(
                        Signals.BUILT_IN,
                        pod("phase: Pending", ""),
                        Optional.of(node("")),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(hold))
                .state();
    }

    @Test
    void noticeComesFromThePodItsNodeOrItsTrainer() {
        assertThat(stateOf(READY, "", report(State.Leaving, 1)))
                .isEqualTo(new PodState.Terminating("the trainer received SIGTERM"));
        assertThat(stateOf(READY, "deletionTimestamp: '2026-01-01T00:00:00Z'", report(State.Training, 1)))
                .isEqualTo(new PodState.Terminating("the pod was deleted"));
        assertThat(stateOf(
                        "phase: Running, conditions: [{type: DisruptionTarget, status: 'True', reason:"
                                + " EvictionByEvictionAPI, message: by drain}]",
                        "",
                        null))
                .isEqualTo(new PodState.Terminating("EvictionByEvictionAPI: by drain"));
        assertThat(stateOf(READY, "", report(State.Training, 1), "spec: {taints: [{key: karpenter.sh/disrupted}]}"))
                .isEqualTo(new PodState.Terminating("node n is about to be removed (taint karpenter.sh/disrupted)"));
        assertThat(stateOf(READY, "", report(State.Training, 1), "spec: {taints: [{key: gpu}]}"))
                .isInstanceOf(PodState.Ready.class);
    }

    @Test
    void aSilentNodeIsNoticeOnlyIfTheTrainerIsSilentToo() {
        String silent = "status: {conditions: [{type: Ready, status: Unknown}]}";
        TrainerReport report = report(State.Training, 1);
        assertThat(stateOf(READY, "", report, silent, 5))
                .isEqualTo(new PodState.Terminating("node n is not responding"));
        assertThat(stateOf(READY, "", null, silent))
                .as("Kubernetes will evict it")
                .isEqualTo(
                        new PodState.Starting(new Hold(Hold.Kind.WAITS, "NodeNotReady", "node n is not responding")));
        assertThat(stateOf(READY, "", report, silent, 1)).isInstanceOf(PodState.Ready.class);
        assertThat(stateOf(READY, "", report, null, 5)).isEqualTo(new PodState.Terminating("node n no longer exists"));
        assertThat(stateOf(READY, "", report, "", 500)).isInstanceOf(PodState.Ready.class);
    }

    @Test
    void aDeletedPodIsOverdueOnlyOnAnUnresponsiveNode() {
        String deleted = "deletionTimestamp: '2026-01-01T00:00:00Z'";
        TrainerReport report = report(State.Training, 1);
        Instant overdue = Instant.parse("2026-01-01T00:00:10Z");
        assertThat(stateOf(READY, deleted, report, "status: {conditions: [{type: Ready, status: 'False'}]}"))
                .isEqualTo(new PodState.Terminating("the pod was deleted", Optional.of(overdue)));
        assertThat(stateOf(READY, deleted, report, null))
                .isEqualTo(new PodState.Terminating("the pod was deleted", Optional.of(overdue)));
        assertThat(stateOf(READY, deleted, report, "status: {conditions: [{type: Ready, status: 'True'}]}"))
                .isEqualTo(new PodState.Terminating("the pod was deleted"));
    }

    @Test
    void signalsComeFromThePodsOwnReportAndEndWithIt() {
        assertThat(classified(READY, "", report(State.Training, 7), "", 3).signals())
                .isEqualTo(new LivenessSignals(
                        Duration.ofSeconds(3), false, Optional.empty(), Optional.empty(), 7, Optional.empty()));
        assertThat(classified(READY, "", report("another-uid", State.Training, 7), "", 3)
                        .signals())
                .isEqualTo(LivenessSignals.NONE);
        assertThat(classified(READY, "", report(State.Done, 7), "", 300)
                        .signals()
                        .isSilent())
                .isFalse();
    }

    @Test
    void aTrainerIsSilentAfterTwiceTheTimeThatItAnnounces() {
        for (String[] announced : new String[][] {
            {"", "4"}, {", nextWithin: 1", "4"}, {", nextWithin: 20", "40"}, {", nextWithin: 1e9", "300"}
        }) {
            long limit = Long.parseLong(announced[1]);
            TrainerReport report =
                    Jobs.report("{pod: job-0, uid: pod-uid, state: Training, time: t" + announced[0] + "}");
            assertThat(classified(READY, "", report, "", limit).signals().isSilent())
                    .as(announced[0])
                    .isFalse();
            assertThat(classified(READY, "", report, "", limit + 1).signals().isSilent())
                    .as(announced[0])
                    .isTrue();
        }
    }

    /** It may be old: others have reported for this trainer since, and it is no witness against any. */
    @Test
    void aReportOfAWorldThatMakesStepsTellsOfNoStall() {
        String stalled =
                "{pod: job-0, uid: pod-uid, state: Training, time: t, awaitingPeers: true, stalledSeconds: 2.5";
        assertThat(classified(READY, "", Jobs.report(stalled + "}"), "", 1)
                        .signals()
                        .stalled())
                .contains(Duration.ofMillis(2500));
        assertThat(classified(READY, "", Jobs.report(stalled + ", heardAll: true}"), "", 1)
                        .signals()
                        .stalled())
                .contains(Duration.ZERO);
    }

    @Test
    void endsArePreemptionsFailuresOrPermanent() {
        assertThat(stateOf(ended(137, "Error", "a\\nlast words\\n"), "", null))
                .isEqualTo(new PodState.Ended(Cause.FAILED, "exit code 137 (killed by SIGKILL): last words"));
        assertThat(stateOf(ended(137, "OOMKilled", ""), "", null))
                .isEqualTo(new PodState.Ended(
                        Cause.OVERUSED, "out of memory (OOMKilled): raise the container's memory limit"));
        assertThat(stateOf(ended(78, "Error", "x"), "", report(State.Failed, 0)))
                .isEqualTo(new PodState.Ended(Cause.PERMANENT, "exit code 78: words"));
        // another node may be fit for it
        assertThat(stateOf(ended(78, "Error", "x"), "", report(State.Unfit, 0)))
                .isEqualTo(new PodState.Ended(Cause.FAILED, "node n is unfit, exit code 78: words"));
        assertThat(stateOf(ended(79, "Error", "x"), "", report(State.Failed, 12)))
                .isEqualTo(new PodState.Ended(Cause.NOT_FINITE, "a step is not finite: words"));
        assertThat(stateOf(ended(66, "Error", ""), "", null))
                .isEqualTo(new PodState.Ended(Cause.NO_DATA, "exit code 66"));
        assertThat(stateOf(ended(143, "Error", ""), "", null))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "the trainer received SIGTERM"));
        assertThat(stateOf("phase: Failed, reason: Evicted, message: disk", "", null))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "Evicted: disk"));
        assertThat(stateOf(ended(137, "Error", ""), "deletionTimestamp: '2026-01-01T00:00:00Z'", null))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "the pod was deleted"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Evicted",
                "NodeAffinity",
                "NodeShutdown",
                "OutOfcpu",
                "OutOfephemeral-storage",
                "OutOfmemory",
                "OutOfnvidia.com/gpu",
                "OutOfpods",
                "Preempting",
                "Terminated",
                "TopologyAffinityError",
                "UnexpectedAdmissionError"
            })
    void aPodThatItsNodeRejectsOrEvictsIsNotAFailure(String reason) {
        assertThat(stateOf("phase: Failed, reason: '" + reason + "', message: no room", "", null))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, reason + ": no room"));
    }

    @Test
    void aTrainerHasEndedEvenIfASidecarHasNot() {
        String sidecar = ", {name: proxy, state: {running: {}}}]";
        assertThat(stateOf(beside("Running", 0, sidecar), "", report(State.Done, 100)))
                .isEqualTo(new PodState.Done());
        assertThat(stateOf(beside("Running", 70, sidecar), "", report(State.Failed, 1)))
                .isEqualTo(new PodState.Ended(Cause.FAILED, "exit code 70: words"));
        assertThat(stateOf(beside("Running", 137, sidecar), "", report(State.Training, 1)))
                .isEqualTo(new PodState.Ended(Cause.FAILED, "exit code 137 (killed by SIGKILL)"));
        assertThat(stateOf(
                        beside("Running", 143, sidecar),
                        "deletionTimestamp: '2026-01-01T00:00:00Z'",
                        report(State.Leaving, 1)))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "the pod was deleted"));
        assertThat(stateOf(
                        beside("Failed", 0, ", {name: proxy, state: {terminated: {exitCode: 1}}}]"),
                        "",
                        report(State.Done, 100)))
                .as("it is not the trainer that failed")
                .isEqualTo(new PodState.Done());
    }

    @Test
    void anEndedPodWithARunningSidecarLingersUntilItIsDeleted() {
        String running = beside("Running", 0, ", {name: proxy, state: {running: {}}}]");
        TrainerReport done = report(State.Done, 100);
        assertThat(classified(running, "", done, "", 0).lingers()).isTrue();
        assertThat(classified(running, "deletionTimestamp: '2026-01-01T00:00:00Z'", done, "", 0)
                        .lingers())
                .isFalse();
        assertThat(classified(beside("Succeeded", 0, "]"), "", done, "", 0).lingers())
                .isFalse();
        assertThat(classified(READY, "", report(State.Training, 1), "", 0).lingers())
                .isFalse();
    }

    @Test
    void aTrainerThatReportedAFailureGetsTimeToExit() {
        TrainerReport failed = report(State.Failed, 1);
        assertThat(stateOf(READY, "", failed, "", 10))
                .isEqualTo(new PodState.Failing("failed: words", Duration.ofSeconds(20)));
        ObservedPod stuck = classified(READY, "", failed, "", 30);
        assertThat(stuck.state())
                .isEqualTo(
                        new PodState.Ended(Cause.FAILED, "the trainer reported a failure but has not exited: words"));
        assertThat(stuck.lingers()).isTrue();
    }

    /** @param others statuses of other containers, and the end of the list */
    private static String beside(String phase, int exit, String others) {
        return "phase: " + phase + ", conditions: [{type: Ready, status: 'False'}], containerStatuses: [{name: trainer,"
                + " state: {terminated: {exitCode: " + exit + "}}}" + others;
    }

    @Test
    void exitZeroIsTheEndOnlyWhenTheStepsAreDone() {
        assertThat(stateOf("phase: Succeeded", "", report(State.Done, 10))).isEqualTo(new PodState.Done());
        assertThat(stateOf("phase: Succeeded", "", report(State.Training, 100))).isEqualTo(new PodState.Done());
        assertThat(stateOf("phase: Succeeded", "", report(State.Training, 10)))
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "the trainer exited before the job was complete"));
    }

    @Test
    void exitZeroWithoutAnyReportIsAFailure() {
        PodState failed = new PodState.Ended(
                Cause.FAILED,
                "exited with code 0 without ever reporting; check that spec.template has the trainer's image and command");
        assertThat(stateOf("phase: Succeeded", "", null)).isEqualTo(failed);
        assertThat(stateOf("phase: Succeeded", "", report("another-uid", State.Done, 100)))
                .as("the report of an earlier pod of that name")
                .isEqualTo(failed);
        assertThat(stateOf("phase: Succeeded", "deletionTimestamp: '2026-01-01T00:00:00Z'", null))
                .as("it received SIGTERM before it could report")
                .isEqualTo(new PodState.Ended(Cause.PREEMPTED, "the pod was deleted"));
    }

    private static String ended(int exit, String reason, String message) {
        return "phase: Failed, containerStatuses: [{name: trainer, state: {terminated: {exitCode: " + exit
                + ", reason: " + reason + ", message: \"" + message + "\"}}}]";
    }

    private static TrainerReport report(State state, long step) {
        return report("pod-uid", state, step);
    }

    private static TrainerReport report(String uid, State state, long step) {
        return Jobs.report("""
                {pod: job-0, uid: %s, state: %s, address: "10.0.0.1:7000", generation: 1, step: %d,
                 steps: 100, message: words, time: t}
                """.formatted(uid, state, step));
    }

    private static PodState stateOf(String status, String metadata, @Nullable TrainerReport report) {
        return stateOf(status, metadata, report, "");
    }

    private static PodState stateOf(
            String status, String metadata, @Nullable TrainerReport report, @Nullable String node) {
        return stateOf(status, metadata, report, node, 0);
    }

    private static PodState stateOf(
            String status, String metadata, @Nullable TrainerReport report, @Nullable String node, long silence) {
        return classified(status, metadata, report, node, silence).state();
    }

    /** @param node null if it no longer exists */
    private static ObservedPod classified(
            String status, String metadata, @Nullable TrainerReport report, @Nullable String node, long silence) {
        return PodClassifier.classify(
                Signals.BUILT_IN,
                pod(status, metadata),
                Optional.ofNullable(node).map(PodClassifierTest::node),
                Optional.ofNullable(report),
                Optional.of(Duration.ofSeconds(silence)),
                Optional.empty());
    }

    private static Pod pod(String status, String metadata) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: pod-uid, creationTimestamp: '2026-01-01T00:00:00Z', %s}
                spec: {nodeName: n, containers: [{name: trainer}]}
                status: {%s}
                """.formatted(metadata, status), Pod.class);
    }

    private static Node node(String yaml) {
        return Serialization.unmarshal("---\nmetadata: {name: n}\n" + yaml, Node.class);
    }
}
