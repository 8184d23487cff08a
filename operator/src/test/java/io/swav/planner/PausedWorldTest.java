package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Plans for a job that has too few trainers, or whose members all leave. */
class PausedWorldTest {
    @Test
    void belowTheMinimumTheJobIsPausedUntilAPodIsReady() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, READY), pod(2, new PodState.Starting("no capacity: 0/3 nodes")));
        ReconcilePlan holds = plan(policy(2, 2, 0), world, PlannerState.EMPTY, pods, T0);
        World hold = after(holds, world);
        assertThat(hold.hold()).isTrue();
        assertThat(hold.members()).containsExactly(member(0));
        assertThat(hold.lost()).as("no member needs to wait for it").containsExactly("uid-1");
        assertThat(holds.world().why())
                .isEqualTo("job-1 left (vanished). Paused: 1 of at least 2 trainers ready. Surviving trainers keep"
                        + " the model in memory. Waiting for job-2: no capacity: 0/3 nodes");

        ReconcilePlan held = plan(policy(2, 2, 0), hold, holds.state(), pods, T0.plusSeconds(100));
        assertThat(held.world())
                .isInstanceOfSatisfying(
                        WorldDecision.Wait.class,
                        wait -> assertThat(wait.missing()).isEqualTo(1));
        ReconcilePlan resumed = plan(policy(2, 2, 0), hold, held.state(), List.of(pod(0, READY), pod(2, READY)), T0);
        assertThat(names(resumed)).containsExactly("job-0", "job-2");
        assertThat(after(resumed, hold).hold()).isFalse();
        assertThat(after(resumed, hold).lost())
                .as("a member that was working before the pause still learns of it")
                .contains("uid-1");
    }

    @Test
    void ifAllMembersLeaveASpareStartsWhenTheyHaveSavedTheState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod spare = pod(1, READY);
        List<ObservedPod> pods = List.of(leaving(0, 1), spare);
        ReconcilePlan leaves = plan(policy(1, 1, 1), world, PlannerState.EMPTY, pods, T0);
        World empty = after(leaves, world);
        assertThat(leaves.world()).isInstanceOf(WorldDecision.Regroup.class);
        assertThat(empty.members()).as("the last member leaves now").isEmpty();
        assertThat(empty.lost()).isEmpty();
        assertThat(leaves.world().why())
                .isEqualTo(
                        "job-0 left (spot). The next world forms when job-0 has saved the training state and exited");
        assertThat(leaves.create()).hasSize(1);

        ReconcilePlan saves = plan(policy(1, 1, 1), empty, leaves.state(), pods, T0.plusSeconds(9));
        assertThat(saves.world())
                .isInstanceOfSatisfying(
                        WorldDecision.Wait.class,
                        wait -> assertThat(wait.missing()).isEqualTo(1));
        assertThat(saves.replanAt())
                .as("it may fall silent")
                .contains(T0.plusSeconds(9 + 3).plusMillis(1));

        assertThat(names(plan(policy(1, 1, 1), empty, saves.state(), List.of(spare), T0.plusSeconds(10))))
                .as("gone")
                .containsExactly("job-1");
        assertThat(names(
                        plan(policy(1, 1, 1), empty, saves.state(), List.of(leaving(0, 5), spare), T0.plusSeconds(10))))
                .as("silent, as on a lost node")
                .containsExactly("job-1");
        assertThat(names(plan(policy(1, 1, 1), empty, saves.state(), pods, T0.plus(NextWorld.LONGEST_SAVE))))
                .as("it never ends")
                .containsExactly("job-1");
        assertThat(plan(policy(2, 2, 1), empty, saves.state(), pods, T0.plus(NextWorld.LONGEST_SAVE))
                        .replanAt())
                .as("the wait is over, and trainers are missing still")
                .isEmpty();
    }

    @Test
    void aMemberThatHasNotFormedAWorldYetHoldsNoState() {
        World world = new World(4, "u", List.of(member(0), member(1)), "job-1 joined");
        ReconcilePlan plan =
                plan(policy(2, 1, 1), world, PlannerState.EMPTY, List.of(leaving(0, 1), pod(1, READY)), T0);
        assertThat(plan.world())
                .isInstanceOfSatisfying(
                        WorldDecision.Regroup.class,
                        regroup -> assertThat(regroup.next().members()).isEmpty());
        assertThat(plan.delete()).isEmpty();
        assertThat(names(plan(
                        policy(2, 1, 1), after(plan, world), plan.state(), List.of(pod(1, READY)), T0.plusSeconds(1))))
                .containsExactly("job-1");
    }

    @Test
    void doesNotWaitForALeavingPodThatHoldsNoState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod newcomer = pod(2, READY);
        assertThat(names(plan(
                        policy(2, 1, 1),
                        world,
                        PlannerState.EMPTY,
                        List.of(pod(0, new PodState.Terminating("spot")), newcomer),
                        T0)))
                .as("it was never in a world")
                .containsExactly("job-2");
        World two = new World(3, "u", List.of(member(0), member(1)), "w");
        ObservedPod trained = pod(1, READY, leaving(1, 1).signals());
        assertThat(names(plan(policy(2, 1, 1), two, PlannerState.EMPTY, List.of(leaving(0, 1), trained, newcomer), T0)))
                .as("another member keeps it")
                .containsExactly("job-1", "job-2");
        World lost = new World(3, "u", List.of(), "its document was lost");
        assertThat(names(plan(policy(2, 1, 1), lost, PlannerState.EMPTY, List.of(leaving(0, 1), trained), T0)))
                .as("another trainer keeps it")
                .containsExactly("job-1");
    }

    private static ObservedPod leaving(int number, int silence) {
        return pod(
                number,
                new PodState.Terminating("spot"),
                new LivenessSignals(
                        Duration.ofSeconds(silence),
                        false,
                        Optional.empty(),
                        Optional.empty(),
                        12,
                        Optional.of(new TrainerReport.Regroup(3, null, 0, 12, 6))));
    }
}
