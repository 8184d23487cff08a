package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.Fingerprints;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.TrainerReport.Regroup;
import io.swav.api.TrainingSettings;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.JobPolicy;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.PodState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.ReportedFacts;
import io.swav.planner.Reporting;
import io.swav.planner.WorldPlanner;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The status of a job with a pod that does not train with what the job does. */
class DisagreementStatusTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final World WORLD = new World(4, "uid-1", List.of(new World.Member("a", "uid-a", "a:1")), "w");

    @Test
    void namesPodNodeDifferenceAndWayOutWhileTheJobTrains() {
        SwavJobStatus status = status("replicas: 2", settings -> settings, 64);
        JobCondition stalled = status.condition(ConditionType.Stalled).orElseThrow();
        assertThat(stalled.status()).isEqualTo("True");
        assertThat(stalled.reason()).isEqualTo(ConditionReason.TrainersDisagree.name());
        assertThat(stalled.message())
                .contains("1 of 2 wanted trainers are in the world")
                .contains("pod b on node spot-7 sees 64 images, the job 40")
                .contains("mount the same data on every node, then delete the pod");
        assertThat(status.world())
                .satisfies(world -> assertThat(world.members()).containsExactly("a"));
    }

    @Test
    void namesTheSettingThatDiffers() {
        SwavJobStatus status = status(
                "replicas: 2",
                settings -> {
                    SortedMap<String, String> other = new TreeMap<>(settings);
                    other.put("training.seed", "4");
                    return other;
                },
                40);
        assertThat(status.condition(ConditionType.Stalled).orElseThrow().message())
                .contains("pod b on node spot-7 has another configuration: training.seed 4 instead of 31");
    }

    @Test
    void aSpareThatDiffersLeavesTheJobReady() {
        SwavJobStatus status = status("replicas: 1, elastic: {spares: 1}", settings -> settings, 64);
        assertThat(status.isTrue(ConditionType.Stalled)).isFalse();
        assertThat(status.condition(ConditionType.Ready).orElseThrow().message())
                .contains("sees 64 images, the job 40");
    }

    @Test
    void saysNothingIfAllAgree() {
        SwavJobStatus status = status("replicas: 2", settings -> settings, 40);
        assertThat(status.isTrue(ConditionType.Stalled)).isFalse();
        assertThat(status.condition(ConditionType.Ready).orElseThrow().message())
                .doesNotContain("kept out");
    }

    private interface Change {
        SortedMap<String, String> of(SortedMap<String, String> settings);
    }

    private static SwavJobStatus status(String spec, Change change, long samplesOfB) {
        SwavJob job = Jobs.job(spec);
        SortedMap<String, String> settings = TrainingSettings.of(job.getSpec());
        SortedMap<String, String> changed = change.of(settings);
        LivenessSignals holds = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.empty(),
                Optional.empty(),
                12,
                Optional.of(new Regroup(4, 0.0, 0, 5, 5)));
        List<ObservedPod> pods = List.of(
                pod("a", "spot-1", holds, fingerprints(settings, 40).withSettings(new TreeMap<>())),
                pod("b", "spot-7", LivenessSignals.NONE, fingerprints(changed, samplesOfB)));
        JobSnapshot seen = new JobSnapshot(
                job,
                Optional.of(job.getSpec()),
                List.of(),
                new WorldConfigMap(
                        WORLD, PlannerState.EMPTY, WorldConfigMap.Entries.NONE, WorldConfigMap.Condition.INTACT, "1"),
                pods,
                Map.of(),
                List.of(),
                List.of(),
                Reporting.POSSIBLE,
                Optional.empty(),
                Optional.empty());
        ReconcilePlan plan = WorldPlanner.plan(JobPolicy.of(job.getSpec()), seen.plannerInput(Optional.empty()), NOW);
        return StatusBuilder.status(
                seen, Optional.of(plan), new ExecutionResult(true, Set.of(), Optional.empty(), Optional.empty()), NOW);
    }

    private static ObservedPod pod(String name, String node, LivenessSignals signals, Fingerprints fingerprints) {
        return new ObservedPod(
                name,
                "uid-" + name,
                NOW.minusSeconds(name.equals("a") ? 100 : 50),
                new PodState.Ready("a:1"),
                signals,
                false,
                new ReportedFacts(node, fingerprints, Optional.empty()));
    }

    private static Fingerprints fingerprints(SortedMap<String, String> settings, long samples) {
        return new Fingerprints(
                TrainingSettings.digest(settings),
                samples,
                "d" + samples,
                5,
                "0.1.0",
                true,
                "n",
                "f" + samples,
                settings);
    }
}
