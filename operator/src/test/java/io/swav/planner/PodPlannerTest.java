package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.EVICTED;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.swav.api.ConditionReason;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Plans about pods: which are created, when, and which are deleted. */
class PodPlannerTest {
    @Test
    void failuresOfPodsThatNeverJoinedAreDelayedMoreEachTime() {
        PlannerState state = PlannerState.EMPTY;
        long[] expected = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
        Instant now = T0;
        for (int i = 0; i < expected.length; i++) {
            ObservedPod pod = new ObservedPod("job-" + i, "uid-" + i, now, FAILED, LivenessSignals.NONE);
            now = now.plusSeconds(5);
            ReconcilePlan plan = plan(policy(1, 1, 0), World.none("u"), state, List.of(pod), now);
            assertThat(plan.create()).isEmpty();
            assertThat(plan.replanAt()).contains(now.plusSeconds(expected[i]));
            state = plan.state();
            now = now.plusSeconds(expected[i]);
        }
        ReconcilePlan later = plan(policy(1, 1, 0), World.none("u"), state, List.of(), now);
        assertThat(later.create()).hasSize(1);
    }

    @Test
    void aRejectionStopsOnlyTheCreationOfPods() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, READY), pod(1, FAILED));
        PlannerInput seen = new PlannerInput(
                "job", world, PlannerState.EMPTY, pods, 0, T0.plusSeconds(30), Reporting.POSSIBLE, null);
        ReconcilePlan refused = WorldPlanner.plan(policy(2, 1, 0), seen, T0);
        assertThat(names(refused)).containsExactly("job-0");
        assertThat(refused.create()).isEmpty();
        assertThat(refused.state().pods().next()).as("no number is used up").isZero();
        assertThat(refused.replanAt()).contains(T0.plusSeconds(30));
        assertThat(WorldPlanner.plan(policy(2, 1, 0), seen, T0.plusSeconds(30)).create())
                .hasSize(1);
    }

    @Test
    void podsThatOutliveTheirTrainerAreDeleted() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        ObservedPod dead = lingering(0, FAILED);
        ReconcilePlan plan = plan(policy(2, 1, 0), world, PlannerState.EMPTY, List.of(dead, pod(1, READY)), T0);
        assertThat(names(plan)).containsExactly("job-1");
        assertThat(plan.delete()).containsExactly(dead);
        assertThat(plan.deleteWhy()).containsExactly(entry(dead, "the trainer has ended but its pod has not"));
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);

        List<ObservedPod> done = List.of(lingering(0, new PodState.Done()), pod(1, READY));
        ReconcilePlan finishing = plan(policy(2, 1, 0), world, PlannerState.EMPTY, done, T0);
        assertThat(finishing.delete()).as("it is a member until the end").isEmpty();
        List<ObservedPod> all = List.of(lingering(0, new PodState.Done()), lingering(1, new PodState.Done()));
        ReconcilePlan end = plan(policy(2, 1, 0), world, finishing.state(), all, T0);
        assertThat(end.state().progress().end()).isNotNull().matches(PlannerState.End::complete);
        assertThat(end.delete()).isEqualTo(all);
    }

    private static ObservedPod lingering(int number, PodState state) {
        ObservedPod pod = pod(number, state);
        return new ObservedPod(pod.name(), pod.uid(), pod.created(), state, LivenessSignals.NONE, true);
    }

    /** Every reconciliation would delete it again and report that, for as long as somebody's finalizer keeps it. */
    @Test
    void aPodThatAFinalizerKeepsIsDeletedOnce() {
        JobPolicy policy = new JobPolicy(
                1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, DAY, false, Optional.of(Duration.ZERO));
        PlannerState ended = PlannerState.EMPTY.with(PlannerState.Progress.NONE.ended(
                new PlannerState.End(true, ConditionReason.Complete, "Training is complete", T0)));
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod done = pod(0, new PodState.Done());
        assertThat(plan(policy, world, ended, List.of(done), T0).delete()).containsExactly(done);
        assertThat(plan(policy, world, ended, List.of(with(done, PodObject.Deletion.REQUESTED)), T0)
                        .delete())
                .isEmpty();

        ObservedPod overdue = pod(1, new PodState.Terminating("gone", Optional.of(T0)));
        PlannerState none = PlannerState.EMPTY;
        ReconcilePlan forcing = plan(policy(1, 1, 0), world, none, List.of(pod(0, READY), overdue), T0);
        assertThat(forcing.forceDelete()).containsExactly(overdue);
        ObservedPod forced = with(overdue, PodObject.Deletion.FORCED);
        assertThat(plan(policy(1, 1, 0), world, none, List.of(pod(0, READY), forced), T0)
                        .forceDelete())
                .isEmpty();
    }

    private static ObservedPod with(ObservedPod pod, PodObject.Deletion deletion) {
        return new ObservedPod(
                pod.name(),
                pod.uid(),
                pod.created(),
                pod.state(),
                pod.signals(),
                pod.lingers(),
                pod.facts(),
                new PodObject("", deletion, Optional.empty()));
    }

    @Test
    void suspendingDeletesAllPodsAndCountsNoneOfThem() {
        World world = new World(3, "u", List.of(member(0)), "w");
        JobPolicy policy =
                new JobPolicy(1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, DAY, true, Optional.empty());
        ReconcilePlan plan = plan(policy, world, PlannerState.EMPTY, List.of(pod(0, READY)), T0);
        assertThat(after(plan, world).members()).isEmpty();
        assertThat(plan.delete()).hasSize(1);

        ReconcilePlan leaving = plan(
                policy, after(plan, world), plan.state(), List.of(pod(0, new PodState.Terminating("deleted"))), T0);
        assertThat(leaving.newIncidents()).isEmpty();
    }

    @Test
    void thePlannerStateDropsDeletedPods() {
        PlannerState state = PlannerState.EMPTY.with(
                PlannerState.Pods.NONE.accounting("uid-7").accounting("uid-0"));
        ReconcilePlan plan = plan(policy(1, 1, 0), World.none("u"), state, List.of(pod(0, EVICTED)), T0);
        assertThat(plan.state().pods().accounted()).containsExactly("uid-0");
    }
}
