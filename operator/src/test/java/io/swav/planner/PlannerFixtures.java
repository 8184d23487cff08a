package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Small jobs for the planner's tests: pod and member {@code n} are {@code job-n}, {@code uid-n}. */
final class PlannerFixtures {
    static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");
    static final Duration DAY = Duration.ofDays(1);
    static final PodState STARTING = new PodState.Starting("pulling");
    static final PodState READY = new PodState.Ready("a:1");
    static final PodState EVICTED = new PodState.Ended(Cause.PREEMPTED, "evicted");
    static final PodState FAILED = new PodState.Ended(Cause.FAILED, "exit code 70");

    private PlannerFixtures() {}

    static PlannerState published(Instant at) {
        return PlannerState.EMPTY.with(PlannerState.Progress.NONE.published(at));
    }

    static ReconcilePlan plan(JobPolicy policy, World world, PlannerState state, List<ObservedPod> pods, Instant now) {
        return WorldPlanner.plan(policy, new PlannerInput("job", world, state, pods, 0), now);
    }

    static World after(ReconcilePlan plan, World before) {
        return plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : before;
    }

    static List<String> names(ReconcilePlan plan) {
        return after(plan, World.none("u")).members().stream()
                .map(World.Member::pod)
                .toList();
    }

    static JobPolicy policy(int target, int min, int spares) {
        return new JobPolicy(
                target,
                min,
                spares,
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                1000,
                DAY,
                false,
                Optional.empty());
    }

    static ObservedPod pod(int number, PodState state) {
        return pod(number, state, LivenessSignals.NONE);
    }

    static ObservedPod pod(int number, PodState state, LivenessSignals signals) {
        return new ObservedPod("job-" + number, "uid-" + number, T0.minusSeconds(100 - number), state, signals);
    }

    static World.Member member(int number) {
        return new World.Member("job-" + number, "uid-" + number, "a:1");
    }
}
