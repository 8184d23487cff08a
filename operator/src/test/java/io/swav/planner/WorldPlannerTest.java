package io.swav.planner;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class WorldPlannerTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");

    private static final List<PodState> STATES = List.of(
            new PodState.Starting("pulling"),
            new PodState.Ready("a:1"),
            new PodState.Terminating("spot"),
            new PodState.Ended(Cause.PREEMPTED, "evicted"),
            new PodState.Ended(Cause.FAILED, "exit code 70"));

    /** Checks all jobs of up to three pods, each in every state, in the world or not, under every small policy. */
    @Test
    void everySmallCaseKeepsTheInvariants() {
        int cases = 0;
        for (int pods = 0; pods <= 3; pods++) {
            for (int code = 0; code < pow(STATES.size() * 2, pods); code++) {
                List<ObservedPod> seen = new ArrayList<>();
                List<World.Member> members = new ArrayList<>();
                int rest = code;
                for (int i = 0; i < pods; i++) {
                    seen.add(pod(i, STATES.get(rest % STATES.size())));
                    rest /= STATES.size();
                    if (rest % 2 == 1) {
                        members.add(member(i));
                    }
                    rest /= 2;
                }
                for (int min = 1; min <= 2; min++) {
                    for (int target = min; target <= 3; target++) {
                        for (int spares = 0; spares <= 1; spares++) {
                            for (boolean hold : new boolean[] {false, true}) {
                                String which = "case " + code + " of " + pods;
                                check(policy(target, min, spares), seen, members, hold, PlannerState.EMPTY, which);
                                cases++;
                            }
                        }
                    }
                }
            }
        }
        assertThat(cases).isEqualTo((1 + 10 + 100 + 1000) * 10 * 2);
    }

    @Test
    void randomLargeCasesKeepTheInvariants() {
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            List<ObservedPod> seen = new ArrayList<>();
            List<World.Member> members = new ArrayList<>();
            for (int i = 0; i < random.nextInt(20); i++) {
                if (random.nextInt(8) > 0) {
                    seen.add(pod(i, STATES.get(random.nextInt(STATES.size())), signals(random)));
                }
                if (random.nextBoolean()) {
                    members.add(random.nextInt(members.size() + 1), member(i));
                }
            }
            int min = 1 + random.nextInt(6);
            JobPolicy policy = policy(min + random.nextInt(10), min, random.nextInt(3));
            PlannerState state = PlannerState.EMPTY.published(T0.minusSeconds(random.nextInt(200)));
            check(policy, seen, members, random.nextInt(4) == 0, state, "seed " + seed);
        }
    }

    private static LivenessSignals signals(Random random) {
        return new LivenessSignals(
                random.nextInt(5) == 0 ? null : Duration.ofSeconds(random.nextInt(150)),
                random.nextBoolean(),
                random.nextInt(3) == 0 ? Optional.empty() : Optional.of(Duration.ofSeconds(random.nextInt(150))),
                random.nextInt(3) == 0 ? Optional.of("uid-" + random.nextInt(20)) : Optional.empty(),
                12,
                Optional.of(new TrainerReport.Regroup(random.nextInt(5), 1.5, 0, random.nextInt(3), 1)));
    }

    private static void check(
            JobPolicy policy,
            List<ObservedPod> pods,
            List<World.Member> members,
            boolean hold,
            PlannerState state,
            String which) {
        World world = new World(
                members.isEmpty() && state.since() == null ? 0 : 4, "job-uid", members, "before", hold, List.of());
        PlannerInput seen = new PlannerInput("job", world, state, pods, 12);
        ReconcilePlan plan = WorldPlanner.plan(policy, seen, T0);
        String where = which + ": " + policy + " " + seen + " -> " + plan;

        if (plan.world() instanceof WorldDecision.Regroup regroup) {
            World next = regroup.next();
            assertThat(next.generation()).as("generation + 1: " + where).isEqualTo(world.generation() + 1);
            assertThat(next.size())
                    .as("in bounds, or on hold: " + where)
                    .isBetween(next.hold() ? 0 : policy.min(), next.hold() ? policy.min() - 1 : policy.target());
            assertThat(next.hold() && !members.containsAll(next.members()))
                    .as("no trainer joins a world on hold: " + where)
                    .isFalse();
            assertThat(next.lost())
                    .as("no member is called lost: " + where)
                    .noneMatch(uid -> next.rankOf(uid).isPresent());
            assertThat(new HashSet<>(next.members()))
                    .as("no member twice: " + where)
                    .hasSize(next.size());
            for (World.Member member : next.members()) {
                PodState podState = state(pods, member);
                boolean survivor = members.contains(member);
                assertThat(survivor ? podState.isAlive() : podState instanceof PodState.Ready)
                        .as("survivors live, newcomers are ready: " + where)
                        .isTrue();
            }
            List<World.Member> survivors =
                    members.stream().filter(next.members()::contains).toList();
            assertThat(next.members().subList(0, survivors.size()))
                    .as("ranks are stable: " + where)
                    .isEqualTo(survivors);
            assertThat(regroup.why()).as("a reason: " + where).isNotBlank();
        }
        assertThat(plan.world().why()).as("a reason: " + where).isNotBlank();
        assertThat(after(plan, world).members())
                .as("hung and lost pods are out: " + where)
                .noneMatch(member -> plan.state().isOut(member.uid()));
        assertThat(plan.forceDelete())
                .as("only hung pods are force-deleted: " + where)
                .extracting(ObservedPod::uid)
                .containsExactlyInAnyOrderElementsOf(plan.state().hung());
        long failed = pods.stream()
                .filter(pod -> pod.state() instanceof PodState.Ended ended && ended.cause() == Cause.FAILED)
                .count();
        assertThat(plan.state().account().counts().failures())
                .as("only failures are failures: " + where)
                .isEqualTo(failed);
        Set<World.Member> kept = new HashSet<>(after(plan, world).members());
        assertThat(plan.delete())
                .as("no member is deleted: " + where)
                .noneMatch(pod -> kept.stream().anyMatch(member -> member.uid().equals(pod.uid())));
        long alive = pods.stream()
                .filter(pod -> pod.isAlive() && !plan.state().isOut(pod.uid()))
                .count();
        long removed = plan.delete().stream().filter(ObservedPod::isAlive).count();
        assertThat(alive - removed + plan.create().size())
                .as("never more pods than wanted: " + where)
                .isLessThanOrEqualTo(policy.target() + policy.spares());
        assertThat(plan.create().isEmpty() || removed == 0)
                .as("not created and deleted at once: " + where)
                .isTrue();

        List<ObservedPod> later = new ArrayList<>(pods);
        later.removeAll(plan.delete());
        later.removeAll(plan.forceDelete());
        plan.create()
                .forEach(name ->
                        later.add(new ObservedPod(name, name, T0, new PodState.Starting("new"), LivenessSignals.NONE)));
        ReconcilePlan again =
                WorldPlanner.plan(policy, new PlannerInput("job", after(plan, world), plan.state(), later, 12), T0);
        assertThat(again.world())
                .as("planning again keeps the world: " + where)
                .isNotInstanceOf(WorldDecision.Regroup.class);
        assertThat(again.create())
                .as("planning again creates nothing: " + where)
                .isEmpty();
        assertThat(again.delete())
                .as("planning again deletes nothing: " + where)
                .isEmpty();
        assertThat(again.newIncidents())
                .as("nothing is counted twice: " + where)
                .isEmpty();
    }

    @Test
    void growingWaitsWhileMorePodsAreExpected() {
        World world = new World(1, "u", List.of(member(0)), "first");
        PlannerState state = PlannerState.EMPTY.published(T0);
        List<ObservedPod> pods =
                List.of(pod(0, STATES.get(1)), pod(1, STATES.get(1)), pod(2, new PodState.Starting("no capacity")));
        JobPolicy policy = policy(3, 1, 0);

        ReconcilePlan early = plan(policy, world, state, pods, T0.plusSeconds(10));
        assertThat(early.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(early.replanAt()).contains(T0.plusSeconds(30));

        ReconcilePlan late = plan(policy, world, state, pods, T0.plusSeconds(30));
        assertThat(names(late)).containsExactly("job-0", "job-1");

        List<ObservedPod> all = List.of(pod(0, STATES.get(1)), pod(1, STATES.get(1)), pod(2, STATES.get(1)));
        assertThat(names(plan(policy, world, state, all, T0.plusSeconds(1))))
                .as("nothing more to wait for")
                .containsExactly("job-0", "job-1", "job-2");
    }

    /** The policy: hung after 60 s. */
    @Test
    void noTrainerJoinsWhileAMemberMayBeHung() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        PlannerState state = PlannerState.EMPTY.published(T0.minusSeconds(500));
        ObservedPod newcomer = pod(2, STATES.get(1));
        for (int seconds : new int[] {20, 40, 70}) {
            LivenessSignals waits = signals(1, true, seconds);
            LivenessSignals silent = signals(seconds, false, seconds);
            List<ObservedPod> pods = List.of(pod(0, STATES.get(1), waits), pod(1, STATES.get(1), silent), newcomer);
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
        List<ObservedPod> pods =
                List.of(pod(0, new PodState.Terminating("spot")), pod(1, STATES.get(1)), pod(2, STATES.get(1)));
        ReconcilePlan plan = plan(policy(2, 2, 1), world, PlannerState.EMPTY, pods, T0);

        assertThat(names(plan)).containsExactly("job-1", "job-2");
        assertThat(plan.world().why()).isEqualTo("job-0 left (spot); job-2 joined");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().preemptions()).isEqualTo(1);
    }

    @Test
    void ifAllMembersLeaveASpareStartsWhenTheyHaveSavedTheState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod spare = pod(1, STATES.get(1));
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
        assertThat(names(plan(policy(1, 1, 1), empty, saves.state(), pods, T0.plus(WorldPlanner.LONGEST_SAVE))))
                .as("it never ends")
                .containsExactly("job-1");
    }

    @Test
    void aMemberThatHasNotFormedAWorldYetHoldsNoState() {
        World world = new World(4, "u", List.of(member(0), member(1)), "job-1 joined");
        ReconcilePlan plan =
                plan(policy(2, 1, 1), world, PlannerState.EMPTY, List.of(leaving(0, 1), pod(1, STATES.get(1))), T0);
        assertThat(plan.world())
                .isInstanceOfSatisfying(
                        WorldDecision.Regroup.class,
                        regroup -> assertThat(regroup.next().members()).isEmpty());
        assertThat(plan.delete()).isEmpty();
        assertThat(names(plan(
                        policy(2, 1, 1),
                        after(plan, world),
                        plan.state(),
                        List.of(pod(1, STATES.get(1))),
                        T0.plusSeconds(1))))
                .containsExactly("job-1");
    }

    @Test
    void doesNotWaitForALeavingPodThatHoldsNoState() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod newcomer = pod(2, STATES.get(1));
        assertThat(names(plan(
                        policy(2, 1, 1),
                        world,
                        PlannerState.EMPTY,
                        List.of(pod(0, new PodState.Terminating("spot")), newcomer),
                        T0)))
                .as("it was never in a world")
                .containsExactly("job-2");
        World two = new World(3, "u", List.of(member(0), member(1)), "w");
        ObservedPod trained = pod(1, STATES.get(1), leaving(1, 1).signals());
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

    @Test
    void belowTheMinimumTheJobIsPausedUntilAPodIsReady() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods =
                List.of(pod(0, STATES.get(1)), pod(2, new PodState.Starting("no capacity: 0/3 nodes")));
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
        ReconcilePlan resumed =
                plan(policy(2, 2, 0), hold, held.state(), List.of(pod(0, STATES.get(1)), pod(2, STATES.get(1))), T0);
        assertThat(names(resumed)).containsExactly("job-0", "job-2");
        assertThat(after(resumed, hold).hold()).isFalse();
        assertThat(after(resumed, hold).lost())
                .as("a member that was working before the pause still learns of it")
                .contains("uid-1");
    }

    @Test
    void failuresOfPodsThatNeverJoinedAreDelayedMoreEachTime() {
        PlannerState state = PlannerState.EMPTY;
        long[] expected = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
        for (int i = 0; i < expected.length; i++) {
            ReconcilePlan plan = plan(policy(1, 1, 0), World.none("u"), state, List.of(pod(i, STATES.get(4))), T0);
            assertThat(plan.create()).isEmpty();
            assertThat(plan.replanAt()).contains(T0.plusSeconds(expected[i]));
            state = plan.state();
        }
        ReconcilePlan later = plan(policy(1, 1, 0), World.none("u"), state, List.of(), T0.plusSeconds(300));
        assertThat(later.create()).hasSize(1);
    }

    @Test
    void aRejectionStopsOnlyTheCreationOfPods() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, STATES.get(1)), pod(1, STATES.get(4)));
        PlannerInput seen = new PlannerInput("job", world, PlannerState.EMPTY, pods, 0, T0.plusSeconds(30));
        ReconcilePlan refused = WorldPlanner.plan(policy(2, 1, 0), seen, T0);
        assertThat(names(refused)).containsExactly("job-0");
        assertThat(refused.create()).isEmpty();
        assertThat(refused.state().nextPod()).as("no number is used up").isZero();
        assertThat(refused.replanAt()).contains(T0.plusSeconds(30));
        assertThat(WorldPlanner.plan(policy(2, 1, 0), seen, T0.plusSeconds(30)).create())
                .hasSize(1);
    }

    @Test
    void aMemberThatFailsIsReplacedAtOnceAndCountsUntilTheLimit() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, STATES.get(4)), pod(1, STATES.get(1)));
        ReconcilePlan plan = plan(policy(2, 1, 0), world, PlannerState.EMPTY, pods, T0);
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);

        JobPolicy none = new JobPolicy(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 0, false, Optional.empty());
        ReconcilePlan end = plan(none, world, PlannerState.EMPTY, pods, T0);
        assertThat(end.world()).isInstanceOfSatisfying(WorldDecision.JobEnded.class, ended -> {
            assertThat(ended.end().reason()).isEqualTo("TooManyFailures");
            assertThat(ended.why()).contains("job-0: exit code 70");
        });
        assertThat(end.delete()).extracting(ObservedPod::name).containsExactly("job-1");
    }

    @Test
    void aPermanentFailureEndsTheJob() {
        ObservedPod pod = pod(0, new PodState.Ended(Cause.PERMANENT, "exit code 78: spec.crops"));
        ReconcilePlan plan =
                plan(policy(2, 1, 0), World.none("u"), PlannerState.EMPTY, List.of(pod, pod(1, STATES.get(0))), T0);
        assertThat(plan.world().why()).isEqualTo("Pod job-0 failed permanently: exit code 78: spec.crops");
        assertThat(plan.create()).isEmpty();
    }

    @Test
    void afterTheFirstStepAPermanentFailureCountsLikeAnyOther() {
        World world = new World(3, "u", List.of(member(0)), "w");
        ObservedPod broken = pod(1, new PodState.Ended(Cause.NO_DATA, "exit code 66: /data does not exist"));
        ObservedPod trains = pod(
                0,
                STATES.get(1),
                new LivenessSignals(
                        Duration.ofSeconds(1),
                        false,
                        Optional.empty(),
                        Optional.empty(),
                        12,
                        Optional.of(new TrainerReport.Regroup(3, null, 0, 1, 0.5))));
        ReconcilePlan first = plan(policy(2, 1, 0), world, PlannerState.EMPTY, List.of(trains, broken), T0);
        assertThat(first.state().end()).isNull();
        assertThat(first.delete()).isEmpty();
        assertThat(first.state().account().counts().failures()).isEqualTo(1);

        ObservedPod silent = pod(0, STATES.get(1));
        PlannerState trained = first.state().keeping(Set.of("uid-0"), Set.of()).withRetry(0, null);
        ReconcilePlan later = plan(policy(2, 1, 0), world, trained, List.of(silent, broken), T0);
        assertThat(later.state().end()).as("the planner state records the step").isNull();
        assertThat(later.create()).isEmpty();
        assertThat(later.replanAt()).as("another is tried after a delay").contains(T0.plusSeconds(1));

        JobPolicy one = new JobPolicy(2, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, false, Optional.empty());
        assertThat(plan(one, world, trained, List.of(silent, broken), T0)
                        .world()
                        .why())
                .isEqualTo(
                        "2 failures, recovery.maxFailures allows 1. Last failure: job-1: exit code 66: /data does not"
                                + " exist");
    }

    @Test
    void theJobIsCompleteWhenAllMembersHaveEndedOrTheWaitIsOver() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        List<ObservedPod> pods = List.of(pod(0, new PodState.Done()), pod(1, STATES.get(1)));
        ReconcilePlan finishing = plan(policy(2, 1, 0), world, PlannerState.EMPTY, pods, T0);
        assertThat(finishing.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(finishing.create()).isEmpty();

        ReconcilePlan over = plan(policy(2, 1, 0), world, finishing.state(), pods, T0.plus(IncidentRecorder.FINISH));
        assertThat(over.state().end()).isNotNull().matches(PlannerState.End::complete);
        assertThat(over.delete()).extracting(ObservedPod::name).containsExactly("job-1");

        ReconcilePlan all = plan(
                policy(2, 1, 0),
                world,
                finishing.state(),
                List.of(pod(0, new PodState.Done()), pod(1, new PodState.Done())),
                T0);
        assertThat(all.state().end()).isNotNull().matches(PlannerState.End::complete);
    }

    @Test
    void podsThatOutliveTheirTrainerAreDeleted() {
        World world = new World(3, "u", List.of(member(0), member(1)), "w");
        ObservedPod dead = lingering(0, STATES.get(4));
        ReconcilePlan plan = plan(policy(2, 1, 0), world, PlannerState.EMPTY, List.of(dead, pod(1, STATES.get(1))), T0);
        assertThat(names(plan)).containsExactly("job-1");
        assertThat(plan.delete()).containsExactly(dead);
        assertThat(plan.deleteWhy()).isEqualTo("the trainer has ended but its pod has not");
        assertThat(plan.create()).hasSize(1);
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);

        List<ObservedPod> done = List.of(lingering(0, new PodState.Done()), pod(1, STATES.get(1)));
        ReconcilePlan finishing = plan(policy(2, 1, 0), world, PlannerState.EMPTY, done, T0);
        assertThat(finishing.delete()).as("it is a member until the end").isEmpty();
        List<ObservedPod> all = List.of(lingering(0, new PodState.Done()), lingering(1, new PodState.Done()));
        ReconcilePlan end = plan(policy(2, 1, 0), world, finishing.state(), all, T0);
        assertThat(end.state().end()).isNotNull().matches(PlannerState.End::complete);
        assertThat(end.delete()).isEqualTo(all);
    }

    private static ObservedPod lingering(int number, PodState state) {
        ObservedPod pod = pod(number, state);
        return new ObservedPod(pod.name(), pod.uid(), pod.created(), state, LivenessSignals.NONE, true);
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

    @Test
    void ttlDeletesEndedPods() {
        PlannerState state =
                PlannerState.EMPTY.ended(new PlannerState.End(true, "Complete", "Training is complete", T0));
        JobPolicy policy = new JobPolicy(
                1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, false, Optional.of(Duration.ofSeconds(60)));
        List<ObservedPod> pods = List.of(pod(0, new PodState.Done()));

        ReconcilePlan early = plan(policy, World.none("u"), state, pods, T0.plusSeconds(59));
        assertThat(early.delete()).isEmpty();
        assertThat(early.replanAt()).contains(T0.plusSeconds(60));
        assertThat(plan(policy, World.none("u"), state, pods, T0.plusSeconds(60))
                        .delete())
                .isEqualTo(pods);
    }

    @Test
    void suspendingDeletesAllPodsAndCountsNoneOfThem() {
        World world = new World(3, "u", List.of(member(0)), "w");
        JobPolicy policy = new JobPolicy(1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1, true, Optional.empty());
        ReconcilePlan plan = plan(policy, world, PlannerState.EMPTY, List.of(pod(0, STATES.get(1))), T0);
        assertThat(after(plan, world).members()).isEmpty();
        assertThat(plan.delete()).hasSize(1);

        ReconcilePlan leaving = plan(
                policy, after(plan, world), plan.state(), List.of(pod(0, new PodState.Terminating("deleted"))), T0);
        assertThat(leaving.newIncidents()).isEmpty();
    }

    @Test
    void thePlannerStateDropsDeletedPods() {
        PlannerState state = PlannerState.EMPTY.accounting("uid-7").accounting("uid-0");
        ReconcilePlan plan = plan(policy(1, 1, 0), World.none("u"), state, List.of(pod(0, STATES.get(3))), T0);
        assertThat(plan.state().accounted()).containsExactly("uid-0");
    }

    private static ReconcilePlan plan(
            JobPolicy policy, World world, PlannerState state, List<ObservedPod> pods, Instant now) {
        return WorldPlanner.plan(policy, new PlannerInput("job", world, state, pods, 0), now);
    }

    private static World after(ReconcilePlan plan, World before) {
        return plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : before;
    }

    private static List<String> names(ReconcilePlan plan) {
        return after(plan, World.none("u")).members().stream()
                .map(World.Member::pod)
                .toList();
    }

    private static PodState state(List<ObservedPod> pods, World.Member member) {
        return pods.stream()
                .filter(pod -> pod.uid().equals(member.uid()))
                .findFirst()
                .map(ObservedPod::state)
                .orElse(new PodState.Ended(Cause.PREEMPTED, "absent"));
    }

    private static JobPolicy policy(int target, int min, int spares) {
        return new JobPolicy(
                target, min, spares, Duration.ofSeconds(30), Duration.ofSeconds(60), 1000, false, Optional.empty());
    }

    private static ObservedPod pod(int number, PodState state) {
        return pod(number, state, LivenessSignals.NONE);
    }

    private static ObservedPod pod(int number, PodState state, LivenessSignals signals) {
        return new ObservedPod("job-" + number, "uid-" + number, T0.minusSeconds(100 - number), state, signals);
    }

    private static World.Member member(int number) {
        return new World.Member("job-" + number, "uid-" + number, "a:1");
    }

    private static int pow(int base, int exponent) {
        int power = 1;
        for (int i = 0; i < exponent; i++) {
            power *= base;
        }
        return power;
    }
}
