package io.swav.operator;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.DataInventory;
import io.swav.api.Fingerprints;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.ChangedSettings;
import io.swav.planner.Failures;
import io.swav.planner.Hold;
import io.swav.planner.JobPolicy;
import io.swav.planner.LedgerState;
import io.swav.planner.LivenessSignals;
import io.swav.planner.NodeFailures;
import io.swav.planner.ObservedPod;
import io.swav.planner.Placement;
import io.swav.planner.PlannerState;
import io.swav.planner.PodObject;
import io.swav.planner.PodState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.ReportedFacts;
import io.swav.planner.Reporting;
import io.swav.planner.WorldPlanner;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Builds the status from the planner's plan for a snapshot. */
class StatusBuilderTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final World WORLD =
            new World(4, "uid-1", List.of(new World.Member("b", "uid-b", "10.0.0.1:7000")), "w");
    private static final List<Problem> REJECTED = List.of(Problem.invalid("spec.model cannot change"));

    @Test
    void theEndOfAJobStandsAfterLaterEdits() {
        SwavJob job = Jobs.job("replicas: 1");
        SwavJobStatus complete =
                status(job, REJECTED, WORLD, ended(true, ConditionReason.Complete, "Training is complete"));
        assertThat(complete.isTrue(ConditionType.Ready)).isTrue();
        assertThat(complete.isTrue(ConditionType.Stalled)).isFalse();
        assertThat(condition(complete, ConditionType.Ready).reason()).isEqualTo("Complete");
        assertThat(condition(complete, ConditionType.Ready).message())
                .isEqualTo("Training is complete. An edit was rejected: spec.model cannot change");

        SwavJobStatus failed =
                status(job, REJECTED, WORLD, ended(false, ConditionReason.TooManyFailures, "11 failures"));
        assertThat(condition(failed, ConditionType.Stalled).reason()).isEqualTo("TooManyFailures");
        assertThat(condition(failed, ConditionType.Stalled).message())
                .isEqualTo("11 failures. An edit was rejected: spec.model cannot change");
    }

    @Test
    void stalledKeepsTheRestOfTheStatusIfNothingCanBePlanned() {
        SwavJob job = Jobs.job("replicas: 1");
        SwavJobStatus before = before(100);
        job.setStatus(before);
        SwavJobStatus stalled = StatusBuilder.stalled(job, ConditionReason.WorldUnreadable, "delete it", NOW);
        assertThat(condition(stalled, ConditionType.Stalled).reason()).isEqualTo("WorldUnreadable");
        assertThat(condition(stalled, ConditionType.Ready).message()).isEqualTo("delete it");
        assertThat(stalled.isTrue(ConditionType.Ready)).isFalse();
        assertThat(stalled.isTrue(ConditionType.Reconciling)).isFalse();
        assertThat(stalled.isTrue(ConditionType.Failed)).isFalse();
        assertThat(stalled.observedGeneration()).isEqualTo(1);
        assertThat(stalled.world()).isEqualTo(before.world());
        assertThat(stalled.progress()).isEqualTo(before.progress());
        assertThat(requireNonNull(stalled.conditions()))
                .extracting(JobCondition::type)
                .containsExactlyElementsOf(requireNonNull(before.conditions()).stream()
                        .map(JobCondition::type)
                        .toList());
    }

    @Test
    void statesWhichSpecARejectedEditLeavesInForce() {
        assertThat(stalled(Jobs.job("replicas: 1")))
                .isEqualTo("spec.model cannot change. The job continues with its previous spec");
        assertThat(stalled(Jobs.job("replicas: 1, suspend: true")))
                .isEqualTo("spec.model cannot change. The job stays suspended with its previous spec");
        SwavJob broken = Jobs.job("replicas: 1");
        broken.setSpec(SpecLoader.complete(
                "test", Jobs.yaml("{replicas: 1, data: {uri: file:///data}, template: {spec: {containers: []}}}")));
        assertThat(stalled(broken))
                .endsWith("The job continues with its previous spec,"
                        + " and no pod can be created until spec.template is corrected");
    }

    @Test
    void aProblemOfTheSpecIsTheReasonToStall() {
        JobCondition stalled = condition(
                status(Jobs.job("replicas: 1"), List.of(Problem.invalid("spec.crops")), WORLD, PlannerState.EMPTY),
                ConditionType.Stalled);
        assertThat(stalled)
                .returns("InvalidSpec", JobCondition::reason)
                .returns("spec.crops. The job continues with its previous spec", JobCondition::message);
    }

    @Test
    void stallsWhenTrainersCannotReportAndSaysWhatToDo() {
        JobSnapshot seen = snapshot(Jobs.job("replicas: 1"), List.of(), WORLD, PlannerState.EMPTY, Map.of());
        SwavJobStatus blocked = status(seen.with(new Reporting.Blocked("Role x was deleted. Restore it.")));
        assertThat(condition(blocked, ConditionType.Stalled))
                .returns("True", JobCondition::status)
                .returns("ReportsBlocked", JobCondition::reason)
                .returns("Role x was deleted. Restore it.", JobCondition::message);
        assertThat(condition(blocked, ConditionType.Ready).message()).isEqualTo("Role x was deleted. Restore it.");
        SwavJobStatus possible = status(seen.with(Reporting.POSSIBLE));
        assertThat(possible.isTrue(ConditionType.Stalled)).isFalse();
    }

    @Test
    void repeatsWhatAMemberReportsOfAWorldThatDoesNotForm() {
        TrainerReport tries = Jobs.report("{pod: b, uid: uid-b, state: Ready, generation: 3, time: t,"
                + " message: 'forming generation 4: cannot reach rank 1'}");
        PlannerState fresh = since(NOW.minusSeconds(4));
        PlannerState old = since(NOW.minusSeconds(5));
        SwavJob job = Jobs.job("replicas: 1");
        assertThat(condition(status(job, List.of(), WORLD, fresh, tries), ConditionType.Ready)
                        .message())
                .doesNotContain("has not formed");
        assertThat(condition(status(job, List.of(), WORLD, old, tries), ConditionType.Ready)
                        .message())
                .endsWith("The world has not formed yet; b reports: forming generation 4: cannot reach rank 1");
    }

    @Test
    void warnsOfAJobThatSavesNothing() {
        SwavJobStatus nowhere = status(Jobs.job("replicas: 1"), List.of(), WORLD, PlannerState.EMPTY);
        assertThat(nowhere.isTrue(ConditionType.WeightsNotKept)).isTrue();
        assertThat(condition(nowhere, ConditionType.WeightsNotKept).message())
                .contains("spec.checkpoint.uri is not set");

        SwavJob saves = Jobs.job("replicas: 1, checkpoint: {uri: file:///c}");
        assertThat(status(saves, List.of(), WORLD, PlannerState.EMPTY).condition(ConditionType.WeightsNotKept))
                .isEmpty();
    }

    @Test
    void aDiagnosisIsAConditionThatPassesAndStaysWhileNothingIsKnown() {
        SwavJob job = Jobs.job("replicas: 1");
        SwavJobStatus none = status(job, List.of(), WORLD, PlannerState.EMPTY, diagnosed("[]"));
        assertThat(none.condition(ConditionType.Collapsed)).isEmpty();

        String found = "[{what: Collapsed, why: lower the rate}, {what: OfALaterVersion, why: x}]";
        SwavJobStatus collapsed = status(job, List.of(), WORLD, PlannerState.EMPTY, diagnosed(found));
        assertThat(collapsed.isTrue(ConditionType.Collapsed)).isTrue();
        assertThat(condition(collapsed, ConditionType.Collapsed).message()).isEqualTo("lower the rate");
        assertThat(requireNonNull(requireNonNull(collapsed.progress()).learning())
                        .embeddingSpread())
                .isEqualTo(.01235);

        job.setStatus(collapsed);
        SwavJobStatus unknown = status(job, List.of(), WORLD, PlannerState.EMPTY, report("b", "Training", 4, 8));
        assertThat(unknown.isTrue(ConditionType.Collapsed)).isTrue();
        SwavJobStatus passed = status(job, List.of(), WORLD, PlannerState.EMPTY, diagnosed("[]"));
        assertThat(condition(passed, ConditionType.Collapsed).reason()).isEqualTo("Passed");
    }

    private static TrainerReport diagnosed(String diagnoses) {
        return Jobs.report("{pod: b, uid: uid-b, state: Training, generation: 4, step: 7, steps: 200, time: t,"
                + " learning: {embeddingSpread: 0.0123456}, diagnoses: " + diagnoses + "}");
    }

    @Test
    void showsStepsThatAreRepeatedFromACheckpoint() {
        SwavJob job = Jobs.job("replicas: 1");
        job.setStatus(before(100));
        TrainerReport dead = report("a", "Failed", 3, 99);
        assertThat(progress(job, WORLD, dead, report("b", "Training", 4, 81)).step())
                .isEqualTo(81);
        assertThat(progress(job, WORLD, dead, report("b", "Ready", 0, 0)).step())
                .as("no trainer trains yet")
                .isEqualTo(100);
        assertThat(progress(job, WORLD, dead, report("b", "Training", 3, 81)).step())
                .as("of an earlier world")
                .isEqualTo(100);
        job.setStatus(before(81));
        assertThat(progress(job, WORLD, dead, report("b", "Training", 4, 83)).step())
                .as("a dead pod is not ahead of running trainers")
                .isEqualTo(83);
    }

    /** Incidents name this step, and losses are computed from it. */
    @Test
    void theStepOfTheJobIsNotThatOfADeadPod() {
        Map<String, TrainerReport> reports =
                Map.of("a", report("a", "Failed", 3, 99), "b", report("b", "Training", 4, 83));
        assertThat(snapshot(Jobs.job("replicas: 1"), List.of(), WORLD, PlannerState.EMPTY, reports)
                        .plannerInput(Optional.empty())
                        .step())
                .isEqualTo(83);
    }

    @Test
    void statesWhyATrainerDoesNotFollowTheWorldDocument() {
        TrainerReport refuses = Jobs.report("{pod: b, uid: uid-b, state: Training, generation: 4, step: 7, steps: 200,"
                + " worldProblem: ConfigMap job-world is ignored, time: t}");
        SwavJob job = Jobs.job("replicas: 1");
        assertThat(condition(status(job, List.of(), WORLD, PlannerState.EMPTY, refuses), ConditionType.Ready)
                        .message())
                .contains("1 trainer does not follow the world document; b reports: ConfigMap job-world is ignored");
        assertThat(condition(
                                status(job, List.of(), WORLD, PlannerState.EMPTY, report("b", "Training", 4, 7)),
                                ConditionType.Ready)
                        .message())
                .doesNotContain("does not follow");
    }

    @Test
    void rateIsZeroAndEtaUnknownWhileNoTrainerTrains() {
        TrainerReport report = report("b", "Training", 4, 90);
        Progress trains = progress(Jobs.job("replicas: 1"), WORLD, report);
        assertThat(trains.imagesPerSecond()).isEqualTo(128.5);
        assertThat(trains.etaSeconds()).isPositive();

        World hold = new World(4, "uid-1", WORLD.members(), "w", true, List.of());
        SwavJob two = Jobs.job("replicas: 2, elastic: {minReplicas: 2}");
        assertPaused(progress(two, hold, report));

        SwavJob suspended = Jobs.job("replicas: 1, suspend: true");
        suspended.setStatus(before(100));
        assertPaused(progress(suspended, new World(5, "uid-1", List.of(), "suspended")));
    }

    /** A trainer in a world leaves out what it found, and so does one of an earlier version. */
    @Test
    void keepsWhatTrainersFoundAtTheData() {
        SwavJob job = Jobs.job("replicas: 1");
        assertThat(progress(job, WORLD, report("b", "Training", 4, 1)).data()).isNull();
        TrainerReport ready = Jobs.report("""
                {pod: c, uid: uid-c, state: Ready, generation: 0, step: 0, steps: 200, time: t,
                 data: {images: 30, labelled: 20, classes: 3, ignored: 2, ignoredReasons: "2 hidden (first .x)"}}
                """);
        SwavJobStatus status = status(job, List.of(), WORLD, PlannerState.EMPTY, report("b", "Training", 4, 2), ready);
        DataInventory data = requireNonNull(requireNonNull(status.progress()).data());
        assertThat(data).isEqualTo(new DataInventory(30L, 20L, 3, 2L, "2 hidden (first .x)"));
        job.setStatus(status);
        assertThat(progress(job, WORLD, report("b", "Training", 4, 3)).data()).isEqualTo(data);
    }

    /** A spare reports the set that it found when it started. */
    @Test
    void showsTheLargestSetThatATrainerReports() {
        String report = """
                {pod: %1$s, uid: uid-%1$s, state: %2$s, generation: %3$d, step: 0, steps: 200, time: t,
                 data: {images: %4$d, notUsed: %1$s, sets: [{fromEpoch: 0, images: 30, fingerprint: a}%5$s]}}
                """;
        TrainerReport spare = Jobs.report(report.formatted("a", "Ready", 0, 30, ""));
        String grown = ", {fromEpoch: 3, images: 40, fingerprint: b}";
        TrainerReport lead = Jobs.report(report.formatted("b", "Training", 4, 40, grown));
        TrainerReport newer = Jobs.report(report.formatted("c", "Ready", 0, 40, grown));
        for (List<TrainerReport> reports : List.of(List.of(spare, lead, newer), List.of(newer, lead, spare))) {
            Progress progress = progress(Jobs.job("replicas: 1"), WORLD, reports.toArray(TrainerReport[]::new));
            DataInventory data = requireNonNull(progress.data());
            assertThat(data.images()).isEqualTo(40);
            assertThat(data.notUsed()).as("rank 0 looks at the source").isEqualTo("b");
        }
    }

    private static void assertPaused(Progress progress) {
        assertThat(progress.imagesPerSecond()).isZero();
        assertThat(progress.etaSeconds()).isNull();
        assertThat(progress.loss()).as("what was learned stays").isEqualTo(3.25);
    }

    private static Progress progress(SwavJob job, World world, TrainerReport... reports) {
        return requireNonNull(
                status(job, List.of(), world, PlannerState.EMPTY, reports).progress());
    }

    private static SwavJobStatus before(long step) {
        SwavJobStatus status =
                status(Jobs.job("replicas: 1"), List.of(), WORLD, PlannerState.EMPTY, report("b", "Training", 4, step));
        assertThat(requireNonNull(status.progress()).step()).isEqualTo(step);
        return status;
    }

    private static TrainerReport report(String pod, String state, long generation, long step) {
        return Jobs.report("""
                {pod: %1$s, uid: uid-%1$s, state: %2$s, generation: %3$d, step: %4$d, steps: 200,
                 loss: 3.25, imagesPerSecond: 128.5, time: t}
                """.formatted(pod, state, generation, step));
    }

    private static final Hold TAINT = new Hold(
            Hold.Kind.WAITS, "Unschedulable", "0/1 nodes are available: 1 node(s) had untolerated taint {spot: true}.");
    private static final Hold MISSING = new Hold(
            Hold.Kind.NEEDS_ACTION,
            "FailedMount",
            "MountVolume.SetUp failed for volume \"conf\" : configmap \"x\" not found");

    @Test
    void statesWhatHoldsPodsAndThatNoPersonIsNeeded() {
        World none = World.none("uid-1");
        SwavJob job = Jobs.job("replicas: 3, elastic: {minReplicas: 2}");
        SwavJobStatus waiting = status(job, none, held("c", TAINT), held("d", TAINT));
        String sentence = "2 of 3 pods cannot start: c (and 1 more): " + TAINT;
        assertThat(condition(waiting, ConditionType.Ready).message())
                .isEqualTo("Waiting for pods: 1 of at least 2 trainers ready. " + sentence);
        assertThat(condition(waiting, ConditionType.Ready).reason()).isEqualTo("Pending");
        assertThat(condition(waiting, ConditionType.Stalled).message()).isEqualTo("Waiting: " + sentence);
        assertThat(condition(waiting, ConditionType.Stalled).reason()).isEqualTo("Waiting");
        assertThat(waiting.isTrue(ConditionType.Stalled)).isFalse();
    }

    @Test
    void stallsIfAPersonMustActForAPodToStart() {
        World none = World.none("uid-1");
        SwavJob job = Jobs.job("replicas: 3, elastic: {minReplicas: 2}");
        SwavJobStatus stalled = status(job, none, held("c", TAINT), held("d", MISSING));
        String sentence = "Waiting for pods: 1 of at least 2 trainers ready. 2 of 3 pods cannot start: d: " + MISSING
                + "; c: " + TAINT;
        assertThat(stalled.isTrue(ConditionType.Stalled)).isTrue();
        assertThat(condition(stalled, ConditionType.Stalled).reason()).isEqualTo("PodCannotStart");
        assertThat(condition(stalled, ConditionType.Stalled).message()).isEqualTo(sentence);
        assertThat(condition(stalled, ConditionType.Ready).message()).isEqualTo(sentence);
        assertThat(stalled.isTrue(ConditionType.Failed)).isFalse();
    }

    /** A job of one trainer that should become a job of two. */
    @Test
    void namesTheHeldPodOfAResizeWhileTheJobTrains() {
        SwavJob two = Jobs.job("replicas: 2");
        TrainerReport trains = report("b", "Training", 4, 7);
        SwavJobStatus waiting = status(two, WORLD, List.of(held("c", TAINT)), trains);
        String sentence = "1 of 2 wanted trainers are in the world. 1 of 2 pods cannot start: c: " + TAINT;
        assertThat(waiting.phase()).isEqualTo(Phase.Running);
        assertThat(waiting.isTrue(ConditionType.Running)).isTrue();
        assertThat(condition(waiting, ConditionType.Ready).message()).isEqualTo(sentence);
        assertThat(condition(waiting, ConditionType.Resizing).message()).isEqualTo(sentence);
        assertThat(waiting.isTrue(ConditionType.Stalled)).isFalse();
        assertThat(condition(waiting, ConditionType.Stalled).message()).startsWith("Waiting: 1 of 2 pods");

        SwavJobStatus stalled = status(two, WORLD, List.of(held("c", MISSING)), trains);
        assertThat(stalled.isTrue(ConditionType.Running)).isTrue();
        assertThat(stalled.isTrue(ConditionType.Stalled)).isTrue();
        assertThat(condition(stalled, ConditionType.Ready).message())
                .startsWith("1 of 2 wanted trainers are in the world. 1 of 2 pods cannot start: c: FailedMount");
    }

    @Test
    void aSpareThatCannotStartLeavesTheJobReady() {
        SwavJob spare = Jobs.job("replicas: 1, elastic: {spares: 1}");
        SwavJobStatus status = status(spare, WORLD, List.of(held("c", MISSING)), report("b", "Training", 4, 7));
        assertThat(status.isTrue(ConditionType.Ready)).isTrue();
        assertThat(status.isTrue(ConditionType.Stalled)).isFalse();
        assertThat(condition(status, ConditionType.Stalled).message()).contains("configmap \"x\" not found");
    }

    @Test
    void claimsThatNothingBlocksTheJobOnlyIfThatIsTrue() {
        SwavJob job = Jobs.job("replicas: 1");
        TrainerReport trains = report("b", "Training", 4, 7);
        assertThat(condition(status(job, WORLD, List.of(), trains), ConditionType.Stalled))
                .returns("Moving", JobCondition::reason)
                .returns("Nothing blocks the job", JobCondition::message);
        JobSnapshot seen = snapshot(job, List.of(), WORLD, PlannerState.EMPTY, Map.of("b", trains));
        ReconcilePlan plan = WorldPlanner.plan(JobPolicy.of(job.getSpec()), seen.plannerInput(Optional.empty()), NOW);
        ExecutionResult trouble =
                new ExecutionResult(true, Set.of(), Optional.empty(), Optional.of("etcdserver: no leader"));
        assertThat(condition(StatusBuilder.status(seen, Optional.of(plan), trouble, NOW), ConditionType.Stalled))
                .returns("Waiting", JobCondition::reason)
                .returns("Waiting: the API server returned an error: etcdserver: no leader", JobCondition::message);
        PlannerState failures = new PlannerState(
                PlannerState.EMPTY.pods(),
                new PlannerState.Backoff(3, NOW.plusSeconds(60)),
                new PlannerState.Progress(NOW, null, null),
                LedgerState.EMPTY,
                Failures.NONE);
        assertThat(condition(status(Jobs.job("replicas: 2"), List.of(), WORLD, failures, trains), ConditionType.Stalled)
                        .message())
                .startsWith("Waiting: the next pod is created at 2026-01-01T00:01:00Z");
    }

    @Test
    void showsNodesThatAreAvoidedOrMayGo() {
        SwavJob job = Jobs.job("replicas: 1");
        PlannerState blamed = new PlannerState(
                PlannerState.EMPTY.pods(),
                PlannerState.EMPTY.backoff(),
                new PlannerState.Progress(NOW, null, null),
                LedgerState.EMPTY,
                Failures.NONE,
                new NodeFailures(
                        List.of(
                                new NodeFailures.Blame("n1", NOW.minusSeconds(60), "job-3", "exit code 70", 2),
                                new NodeFailures.Blame("n1", NOW, "job-4", "exit code 70: words", 2)),
                        false),
                ChangedSettings.NONE,
                PlannerState.RolloutState.NONE);
        ObservedPod hinted = new ObservedPod(
                "c",
                "uid-c",
                NOW,
                new PodState.Starting("pulling"),
                LivenessSignals.NONE,
                false,
                new ReportedFacts(
                        new Placement("n2", Optional.of("node n2 is cordoned"), false),
                        Fingerprints.NONE,
                        Optional.empty(),
                        false));
        SwavJobStatus status = status(
                snapshot(job, List.of(), WORLD, blamed, Map.of("b", report("b", "Training", 4, 7)), List.of(hinted)));
        assertThat(status.avoidedNodes())
                .containsExactly(new AvoidedNode(
                        "n1",
                        "2026-01-01T01:00:00Z",
                        "2 failures of pods on it; the last: job-4, exit code 70: words"));
        assertThat(condition(status, ConditionType.Ready).message())
                .endsWith("No trainer leaves yet, but node n2 is cordoned, with c on it. New pods avoid node n1 until"
                        + " 2026-01-01T01:00:00Z (2 failures of pods on it; the last: job-4, exit code 70: words)");
        assertThat(status(Jobs.job("replicas: 1, recovery: {avoidNodeAfterFailures: 0}"), List.of(), WORLD, blamed)
                        .avoidedNodes())
                .isNull();
        assertThat(status(Jobs.job("replicas: 1, suspend: true"), List.of(), WORLD, blamed)
                        .avoidedNodes())
                .as("no pods are created")
                .isNull();
    }

    @Test
    void namesSidecarsThatFailedBesideTrainersThatRun() {
        ObservedPod pod = new ObservedPod(
                "c",
                "uid-c",
                NOW,
                new PodState.Ready("10.0.0.1:7001"),
                LivenessSignals.NONE,
                false,
                ReportedFacts.NONE,
                new PodObject(
                        "",
                        PodObject.Deletion.NOT_REQUESTED,
                        Optional.of("sidecar logs ended with exit code 3: no such bucket")));
        assertThat(condition(status(Jobs.job("replicas: 1"), WORLD, pod), ConditionType.Ready)
                        .message())
                .endsWith(
                        "Beside the trainers containers have failed in 1 pod: c: sidecar logs ended with exit code 3: no"
                                + " such bucket");
    }

    private static ObservedPod held(String name, Hold hold) {
        return new ObservedPod(name, "uid-" + name, NOW, new PodState.Starting(hold), LivenessSignals.NONE);
    }

    private static SwavJobStatus status(SwavJob job, World world, ObservedPod... held) {
        return status(job, world, List.of(held));
    }

    private static SwavJobStatus status(SwavJob job, World world, List<ObservedPod> held, TrainerReport... reports) {
        Map<String, TrainerReport> byPod = new HashMap<>();
        for (TrainerReport report : reports) {
            byPod.put(report.pod(), report);
        }
        return status(snapshot(job, List.of(), world, PlannerState.EMPTY, byPod, held));
    }

    private static String stalled(SwavJob job) {
        return condition(status(job, REJECTED, WORLD, PlannerState.EMPTY), ConditionType.Stalled)
                .message();
    }

    private static JobCondition condition(SwavJobStatus status, ConditionType type) {
        return status.condition(type).orElseThrow();
    }

    private static PlannerState ended(boolean complete, ConditionReason reason, String message) {
        return state(new PlannerState.End(complete, reason, message, NOW));
    }

    private static PlannerState since(Instant published) {
        return new PlannerState(
                PlannerState.EMPTY.pods(),
                PlannerState.EMPTY.backoff(),
                new PlannerState.Progress(published, null, null),
                LedgerState.EMPTY,
                PlannerState.EMPTY.failures());
    }

    private static PlannerState state(PlannerState.@Nullable End end) {
        return new PlannerState(
                PlannerState.EMPTY.pods(),
                PlannerState.EMPTY.backoff(),
                new PlannerState.Progress(NOW, null, end),
                LedgerState.EMPTY,
                Failures.NONE);
    }

    /** Pod b, a member of the world, is Ready; the pods of the other reports no longer exist. */
    private static SwavJobStatus status(
            SwavJob job, List<Problem> problems, World world, PlannerState state, TrainerReport... reports) {
        Map<String, TrainerReport> byPod = new HashMap<>();
        for (TrainerReport report : reports) {
            byPod.put(report.pod(), report);
        }
        return status(snapshot(job, problems, world, state, byPod));
    }

    private static SwavJobStatus status(JobSnapshot seen) {
        ReconcilePlan plan =
                WorldPlanner.plan(JobPolicy.of(seen.job().getSpec()), seen.plannerInput(Optional.empty()), NOW);
        return StatusBuilder.status(
                seen, Optional.of(plan), new ExecutionResult(true, Set.of(), Optional.empty(), Optional.empty()), NOW);
    }

    private static JobSnapshot snapshot(
            SwavJob job,
            List<Problem> problems,
            World world,
            PlannerState state,
            Map<String, TrainerReport> byPod,
            ObservedPod... more) {
        return snapshot(job, problems, world, state, byPod, List.of(more));
    }

    private static JobSnapshot snapshot(
            SwavJob job,
            List<Problem> problems,
            World world,
            PlannerState state,
            Map<String, TrainerReport> byPod,
            List<ObservedPod> more) {
        List<ObservedPod> pods = new ArrayList<>(more);
        pods.add(0, new ObservedPod("b", "uid-b", NOW, new PodState.Ready("10.0.0.1:7000"), LivenessSignals.NONE));
        return new JobSnapshot(
                job,
                Optional.of(job.getSpec()),
                problems,
                new WorldConfigMap(world, state, WorldConfigMap.Entries.NONE, WorldConfigMap.Condition.INTACT, "1"),
                pods,
                byPod,
                List.copyOf(byPod.values()),
                List.of(),
                Reporting.UNCHECKED,
                Optional.empty(),
                Optional.empty());
    }
}
