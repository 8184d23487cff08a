package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.STARTING;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Plans for a job that ends, and for one that has ended. */
class JobEndingTest {
    @Test
    void aPermanentFailureEndsTheJob() {
        ObservedPod pod = pod(0, new PodState.Ended(Cause.PERMANENT, "exit code 78: spec.crops"));
        ReconcilePlan plan =
                plan(policy(2, 1, 0), World.none("u"), PlannerState.EMPTY, List.of(pod, pod(1, STARTING)), T0);
        assertThat(plan.world().why()).isEqualTo("Pod job-0 failed permanently: exit code 78: spec.crops");
        assertThat(plan.create()).isEmpty();
    }

    @Test
    void afterTheFirstStepAPermanentFailureCountsLikeAnyOther() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod broken = pod(1, new PodState.Ended(Cause.NO_DATA, "exit code 66: /data does not exist"));
        ObservedPod trains = pod(
                0,
                READY,
                new LivenessSignals(
                        Duration.ofSeconds(1),
                        false,
                        Optional.empty(),
                        Optional.empty(),
                        12,
                        Optional.of(new TrainerReport.Regroup(3, null, 0, 1, 0.5))));
        ReconcilePlan first = plan(policy(2, 1, 0), world, PlannerState.EMPTY, List.of(trains, broken), T0);
        assertThat(first.state().progress().end()).isNull();
        assertThat(first.delete()).isEmpty();
        assertThat(first.state().account().counts().failures()).isEqualTo(1);

        ObservedPod silent = pod(0, READY);
        PlannerState trained = first.state()
                .with(first.state().pods().keeping(Set.of("uid-0"), Set.of()))
                .with(PlannerState.Backoff.NONE);
        ObservedPod another =
                new ObservedPod("job-2", "uid-2", T0.plusSeconds(1), broken.state(), LivenessSignals.NONE);
        List<ObservedPod> pods = List.of(silent, another);
        ReconcilePlan later = plan(policy(2, 1, 0), world, trained, pods, T0.plusSeconds(2));
        assertThat(later.state().progress().end())
                .as("the planner state records the step")
                .isNull();
        assertThat(later.create()).isEmpty();
        assertThat(later.replanAt()).as("another is tried after a delay").contains(T0.plusSeconds(3));

        JobPolicy one = new JobPolicy(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, DAY, false, Optional.empty());
        assertThat(plan(one, world, trained, pods, T0.plusSeconds(2)).world().why())
                .isEqualTo(
                        "2 failures, recovery.maxFailures allows 1. Last failure: job-2: exit code 66: /data does not"
                                + " exist");
    }

    @Test
    void theJobIsCompleteWhenAllMembersHaveEndedOrTheWaitIsOver() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, new PodState.Done()), pod(1, READY));
        ReconcilePlan finishing = plan(policy(2, 1, 0), world, PlannerState.EMPTY, pods, T0);
        assertThat(finishing.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(finishing.create()).isEmpty();

        ReconcilePlan over = plan(policy(2, 1, 0), world, finishing.state(), pods, T0.plus(JobEnding.FINISH));
        assertThat(over.state().progress().end()).isNotNull().matches(PlannerState.End::complete);
        assertThat(over.delete()).extracting(ObservedPod::name).containsExactly("job-1");

        ReconcilePlan all = plan(
                policy(2, 1, 0),
                world,
                finishing.state(),
                List.of(pod(0, new PodState.Done()), pod(1, new PodState.Done())),
                T0);
        assertThat(all.state().progress().end()).isNotNull().matches(PlannerState.End::complete);
    }

    @Test
    void ttlDeletesEndedPods() {
        PlannerState.End end = new PlannerState.End(true, ConditionReason.Complete, "Training is complete", T0);
        PlannerState state = PlannerState.EMPTY.with(PlannerState.Progress.NONE.ended(end));
        JobPolicy policy = new JobPolicy(
                1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, DAY, false, Optional.of(Duration.ofSeconds(60)));
        List<ObservedPod> pods = List.of(pod(0, new PodState.Done()));

        ReconcilePlan early = plan(policy, World.none("u"), state, pods, T0.plusSeconds(59));
        assertThat(early.delete()).isEmpty();
        assertThat(early.replanAt()).contains(T0.plusSeconds(60));
        assertThat(plan(policy, World.none("u"), state, pods, T0.plusSeconds(60))
                        .delete())
                .isEqualTo(pods);
    }
}
