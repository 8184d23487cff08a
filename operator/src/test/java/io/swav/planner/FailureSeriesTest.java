package io.swav.planner;

import static io.swav.planner.PlannerFixtures.EVICTED;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Members whose successors fail again and again are replaced later and later, others at once. */
class FailureSeriesTest {
    private static final JobPolicy POLICY = policy(3, 1, 0);

    /** Returns members 0 and 1, which train, and the pod that took the third place, in this state. */
    private static List<ObservedPod> pods(int third, PodState state, Instant now) {
        LivenessSignals trains = new LivenessSignals(
                Duration.ZERO,
                false,
                Optional.empty(),
                Optional.empty(),
                70 + third,
                Optional.of(new TrainerReport.Regroup(generation(third), 0.5, 0, 9, 9.0)));
        List<ObservedPod> pods = new ArrayList<>();
        pods.add(PlannerFixtures.pod(0, READY, trains));
        pods.add(PlannerFixtures.pod(1, READY, trains));
        pods.add(new ObservedPod("job-" + third, "uid-" + third, now.minusSeconds(20), state, trains));
        return pods;
    }

    private static long generation(int third) {
        return 2L * third;
    }

    private static World world(int third) {
        return new World(generation(third), "u", List.of(member(0), member(1), member(third)), "w");
    }

    /** Lets the third member fail at this time, after its world has made steps, and returns the seconds until another comes. */
    private static long delay(PlannerState before, int third, Instant now, PlannerState[] after) {
        PlannerState state = before;
        ReconcilePlan failed = plan(POLICY, world(third), state, pods(third, FAILED, now), now);
        World survivors = PlannerFixtures.after(failed, world(third));
        assertThat(survivors.members()).hasSize(2);
        state = failed.state();
        long seconds = 0;
        List<String> created = failed.create();
        for (; created.isEmpty() && seconds < 400; seconds++) {
            Instant later = now.plusSeconds(seconds + 1);
            // the survivors have made a step meanwhile, which ends the delays of pods that never entered a world
            ReconcilePlan plan = plan(POLICY, survivors, state, pods(third, FAILED, now), later);
            state = plan.state();
            created = plan.create();
            if (created.isEmpty()) {
                assertThat(plan.replanAt()).as("it is planned for").isPresent();
                assertThat(plan.world().why()).contains("The next pod is created at");
            }
        }
        assertThat(created).as("one for one, and not more").hasSize(1);
        after[0] = state;
        return seconds;
    }

    @Test
    void aMemberThatFailsAgainAndAgainIsReplacedLaterEachTime() {
        PlannerState[] state = {PlannerFixtures.published(T0)};
        long[] expected = {0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
        Instant now = T0.plusSeconds(3600);
        for (int i = 0; i < expected.length; i++) {
            assertThat(delay(state[0], i + 2, now, state))
                    .as("failure " + (i + 1))
                    .isEqualTo(expected[i]);
            now = now.plusSeconds(expected[i] + 60);
        }
        now = now.plus(Failures.CALM).plusSeconds(300);
        assertThat(delay(state[0], 30, now, state))
                .as("after a quiet time it is a single failure")
                .isZero();
    }

    @Test
    void aPreemptedMemberIsReplacedAtOnceMeanwhile() {
        PlannerState[] state = {PlannerFixtures.published(T0)};
        Instant now = T0.plusSeconds(3600);
        for (int i = 0; i < 5; i++) {
            delay(state[0], i + 2, now, state);
            now = now.plusSeconds(60);
        }
        List<ObservedPod> pods = pods(9, FAILED, now);
        ReconcilePlan failed = plan(POLICY, world(9), state[0], pods, now);
        assertThat(failed.create()).isEmpty();
        pods.set(1, new ObservedPod("job-1", "uid-1", T0, EVICTED, LivenessSignals.NONE));
        ReconcilePlan evicted =
                plan(POLICY, PlannerFixtures.after(failed, world(9)), failed.state(), pods, now.plusSeconds(1));
        assertThat(evicted.create())
                .as("for the evicted one, not yet for the failed one")
                .hasSize(1);
    }

    @Test
    void podsThatFailTogetherAreOneOfTheSeries() {
        World world = world(2);
        PlannerState state = PlannerFixtures.published(T0);
        List<ObservedPod> all = pods(2, FAILED, T0.plusSeconds(60)).stream()
                .map(pod -> new ObservedPod(pod.name(), pod.uid(), pod.created(), FAILED, pod.signals()))
                .toList();
        ReconcilePlan plan = plan(POLICY, world, state, all, T0.plusSeconds(60));
        assertThat(plan.create()).as("the first event is no series").hasSize(3);
        assertThat(plan.state().failures().heldBack(T0.plusSeconds(60))).isZero();
    }

    /** Otherwise unrelated failures of a large job would hold each other up. */
    @Test
    void anOldMemberThatFailsIsReplacedAtOnce() {
        PlannerState[] state = {PlannerFixtures.published(T0)};
        Instant now = T0.plusSeconds(3600);
        for (int i = 0; i < 4; i++) {
            delay(state[0], i + 2, now, state);
            now = now.plusSeconds(60);
        }
        List<ObservedPod> pods = pods(9, READY, now);
        ObservedPod old = pods.get(0);
        pods.set(0, new ObservedPod(old.name(), old.uid(), old.created(), FAILED, old.signals()));
        assertThat(plan(POLICY, world(9), state[0], pods, now).create()).hasSize(1);
    }
}
