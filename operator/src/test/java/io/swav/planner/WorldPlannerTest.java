package io.swav.planner;

import static io.swav.planner.PlannerFixtures.EVICTED;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.STARTING;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Checks the invariants of every plan, over all small jobs and many random ones. */
class WorldPlannerTest {
    private static final List<PodState> STATES =
            List.of(STARTING, READY, new PodState.Terminating("spot"), EVICTED, FAILED);

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
            PlannerState state = published(T0.minusSeconds(random.nextInt(200)));
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
                members.isEmpty() && state.progress().since() == null ? 0 : 4,
                "job-uid",
                members,
                "before",
                hold,
                List.of());
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
                .noneMatch(member -> plan.state().pods().isOut(member.uid()));
        assertThat(plan.forceDelete())
                .as("only hung pods are force-deleted: " + where)
                .extracting(ObservedPod::uid)
                .containsExactlyInAnyOrderElementsOf(plan.state().pods().hung());
        long failed = pods.stream()
                .filter(pod -> pod.state() instanceof PodState.Ended ended && ended.cause() == Cause.FAILED)
                .count();
        assertThat(plan.state().account().counts().failures())
                .as("only failures are failures, and several may be one: " + where)
                .isBetween(Math.min(1, failed), failed);
        Set<World.Member> kept = new HashSet<>(after(plan, world).members());
        assertThat(plan.delete())
                .as("no member is deleted: " + where)
                .noneMatch(pod -> kept.stream().anyMatch(member -> member.uid().equals(pod.uid())));
        long alive = pods.stream()
                .filter(pod -> pod.isAlive() && !plan.state().pods().isOut(pod.uid()))
                .count();
        long removed = plan.delete().stream().filter(ObservedPod::isAlive).count();
        assertThat(alive - removed + plan.create().size())
                .as("never more pods than wanted: " + where)
                .isLessThanOrEqualTo(policy.target() + policy.spares());
        assertThat(plan.create().isEmpty() || removed == 0)
                .as("not created and deleted at once: " + where)
                .isTrue();

        assertThat(plan.replanAt().filter(at -> !at.isAfter(T0)))
                .as("plans again later, not at once: " + where)
                .isEmpty();

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

    private static PodState state(List<ObservedPod> pods, World.Member member) {
        return pods.stream()
                .filter(pod -> pod.uid().equals(member.uid()))
                .findFirst()
                .map(ObservedPod::state)
                .orElse(new PodState.Ended(Cause.PREEMPTED, "absent"));
    }

    private static int pow(int base, int exponent) {
        int power = 1;
        for (int i = 0; i < exponent; i++) {
            power *= base;
        }
        return power;
    }
}
