package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.DataLedger;
import io.swav.api.DataLedger.Entry;
import io.swav.api.World;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Plans for a job that trains: its world grows, shrinks, and replaces members. */
class RunningWorldTest {
    @Test
    void growingWaitsWhileMorePodsAreExpected() {
        World world = new World(1, "u", List.of(member(0)), "first");
        PlannerState state = published(T0);
        List<ObservedPod> pods = List.of(pod(0, READY), pod(1, READY), pod(2, new PodState.Starting("no capacity")));
        JobPolicy policy = policy(3, 1, 0);

        ReconcilePlan early = plan(policy, world, state, pods, T0.plusSeconds(10));
        assertThat(early.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(early.replanAt()).contains(T0.plusSeconds(30));

        ReconcilePlan late = plan(policy, world, state, pods, T0.plusSeconds(30));
        assertThat(names(late)).containsExactly("job-0", "job-1");

        List<ObservedPod> all = List.of(pod(0, READY), pod(1, READY), pod(2, READY));
        assertThat(names(plan(policy, world, state, all, T0.plusSeconds(1))))
                .as("nothing more to wait for")
                .containsExactly("job-0", "job-1", "job-2");
    }

    /** For pods that start, and for people; a world is not published for it. */
    @Test
    void theNextWorldNamesTheLargestSetOfImagesThatWasReported() {
        DataLedger.Entry first = new DataLedger.Entry(0, 400, "a");
        DataLedger.Entry grown = new DataLedger.Entry(5, 600, "b");
        for (DataLedger.Entry reported : new DataLedger.Entry[] {first, grown, null}) {
            World world = new World(3, "u", List.of(member(0)), "w").with(first);
            List<ObservedPod> quiet = List.of(pod(0, READY));
            assertThat(planned(world, quiet, reported).world()).isInstanceOf(WorldDecision.Keep.class);
            ReconcilePlan plan = planned(world, List.of(pod(0, READY), pod(1, READY)), reported);
            assertThat(((WorldDecision.Regroup) plan.world()).next().data())
                    .isEqualTo(grown.equals(reported) ? grown : first);
        }
    }

    private static ReconcilePlan planned(World world, List<ObservedPod> pods, @Nullable Entry reported) {
        PlannerInput input = new PlannerInput(
                "job",
                world,
                published(T0.minusSeconds(500)),
                pods,
                12,
                null,
                Reporting.POSSIBLE,
                null,
                null,
                null,
                reported,
                WantedTemplate.NONE);
        return WorldPlanner.plan(policy(pods.size(), 1, 0), input, T0);
    }

    /** The policy: hung after 60 s. */
    @Test
    void noTrainerJoinsWhileAMemberMayBeHung() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        PlannerState state = published(T0.minusSeconds(500));
        ObservedPod newcomer = pod(2, READY);
        for (int seconds : new int[] {20, 40, 70}) {
            LivenessSignals waits = signals(1, true, seconds);
            LivenessSignals silent = signals(seconds, false, seconds);
            List<ObservedPod> pods = List.of(pod(0, READY, waits), pod(1, READY, silent), newcomer);
            ReconcilePlan plan = plan(policy(3, 1, 0), world, state, pods, T0);
            if (seconds == 40) {
                assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
                assertThat(plan.world().why())
                        .contains("job-2 ready to join. The world grows once it is certain whether job-1");
            } else {
                assertThat(names(plan)).contains("job-2");
                assertThat(names(plan).contains("job-1")).isEqualTo(seconds == 20);
            }
        }
    }

    private static LivenessSignals signals(int silence, boolean awaiting, int stalled) {
        return new LivenessSignals(
                Duration.ofSeconds(silence),
                awaiting,
                Optional.of(Duration.ofSeconds(stalled)),
                Optional.empty(),
                12,
                Optional.empty());
    }

    @Test
    void aSpareTakesTheLostMembersPlaceAtOnce() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, new PodState.Terminating("spot")), pod(1, READY), pod(2, READY));
        ReconcilePlan plan = plan(policy(2, 2, 1), world, PlannerState.EMPTY, pods, T0);

        assertThat(names(plan)).containsExactly("job-1", "job-2");
        assertThat(plan.world().why()).isEqualTo("job-0 left (spot); job-2 joined");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().preemptions()).isEqualTo(1);
    }

    @Test
    void aMemberThatFailsIsReplacedAtOnceAndCountsUntilTheLimit() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, FAILED), pod(1, READY));
        ReconcilePlan plan = plan(policy(2, 1, 0), world, PlannerState.EMPTY, pods, T0);
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);

        JobPolicy none = new JobPolicy(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 0, DAY, false, Optional.empty());
        ReconcilePlan end = plan(none, world, PlannerState.EMPTY, pods, T0);
        assertThat(end.world()).isInstanceOfSatisfying(WorldDecision.JobEnded.class, ended -> {
            assertThat(ended.end().reason()).isEqualTo(ConditionReason.TooManyFailures);
            assertThat(ended.why()).contains("job-0: exit code 70");
        });
        assertThat(end.delete()).extracting(ObservedPod::name).containsExactly("job-1");
    }

    @Test
    void replansWhenAFailedTrainerShouldHaveExited() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod failing = pod(0, new PodState.Failing("failed: boom", Duration.ofSeconds(7)));
        ReconcilePlan plan = plan(policy(1, 1, 0), world, PlannerState.EMPTY, List.of(failing), T0);
        assertThat(plan.world()).as("its exit code will say how").isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.newIncidents()).isEmpty();
        assertThat(plan.replanAt()).contains(T0.plusSeconds(7));
    }
}
