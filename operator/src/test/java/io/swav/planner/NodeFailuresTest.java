package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.EVICTED;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.policy;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.SwavJobStatus.AvoidedNode;
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
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Failures blame the node on which they stayed, and nothing else does. */
class NodeFailuresTest {
    private static final NodeAvoidance LIMITS = NodeAvoidance.DEFAULT;
    private static final PodState UNSCHEDULABLE =
            new PodState.Starting(new Hold(Hold.Kind.WAITS, "Unschedulable", "0/1 nodes are available"));

    static ObservedPod on(String node, int number, PodState state, Instant created) {
        return on(new Placement(node, Optional.empty(), false), number, state, created);
    }

    private static ObservedPod on(Placement place, int number, PodState state, Instant created) {
        return new ObservedPod(
                "job-" + number,
                "uid-" + number,
                created,
                state,
                LivenessSignals.NONE,
                false,
                new ReportedFacts(place, Fingerprints.NONE, Optional.empty(), false));
    }

    private static List<String> avoided(ReconcilePlan plan) {
        return plan.nodes().avoided().stream().map(AvoidedNode::node).toList();
    }

    /** Lets one pod after another end on a node, a minute apart; the job has one pod. */
    private static PlannerState ended(PlannerState before, int from, int to, String node, PodState end) {
        PlannerState state = before;
        for (int i = from; i < to; i++) {
            Instant created = T0.plusSeconds(60L * i);
            state = plan(
                            policy(1, 1, 0),
                            World.none("u"),
                            state,
                            List.of(on(node, i, end, created)),
                            created.plusSeconds(30))
                    .state();
        }
        return state;
    }

    @Test
    void aNodeIsAvoidedAfterTheSecondFailureAndForgottenAfterAnHour() {
        PlannerState one = ended(PlannerState.EMPTY, 0, 1, "n1", FAILED);
        assertThat(one.nodes().avoided(LIMITS)).isEmpty();
        ObservedPod second = on("n1", 1, FAILED, T0.plusSeconds(60));
        ReconcilePlan plan = plan(policy(1, 1, 0), World.none("u"), one, List.of(second), T0.plusSeconds(90));
        assertThat(plan.nodes().avoided())
                .containsExactly(new AvoidedNode(
                        "n1", "2026-01-01T01:01:30Z", "2 failures of pods on it; the last: job-1, exit code 70"));
        assertThat(plan.nodes().begun()).as("recorded once, in this plan").hasSize(1);
        assertThat(plan.nodes().strict()).isTrue();
        ReconcilePlan next = plan(policy(1, 1, 0), World.none("u"), plan.state(), List.of(), T0.plusSeconds(3600));
        assertThat(avoided(next)).containsExactly("n1");
        assertThat(next.nodes().begun()).isEmpty();
        assertThat(avoided(plan(policy(1, 1, 0), World.none("u"), plan.state(), List.of(), T0.plusSeconds(3689))))
                .as("the first failure is more than an hour ago, the last is not")
                .containsExactly("n1");
        ReconcilePlan later = plan(policy(1, 1, 0), World.none("u"), plan.state(), List.of(), T0.plusSeconds(3690));
        assertThat(avoided(later)).isEmpty();
        assertThat(later.state().nodes()).isEqualTo(NodeFailures.NONE);
    }

    @Test
    void failuresFarApartOrOnOtherNodesDoNotAddUp() {
        PlannerState other = ended(ended(PlannerState.EMPTY, 0, 1, "n1", FAILED), 1, 2, "n2", FAILED);
        assertThat(other.nodes().avoided(LIMITS)).isEmpty();
        PlannerState far = ended(ended(PlannerState.EMPTY, 0, 1, "n1", FAILED), 60, 61, "n1", FAILED);
        assertThat(far.nodes().avoided(LIMITS)).isEmpty();
        assertThat(ended(PlannerState.EMPTY, 0, 5, "", FAILED).nodes()).isEqualTo(NodeFailures.NONE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3})
    void theSpecSaysAfterHowManyAndWhether(int after) {
        NodeAvoidance limits = new NodeAvoidance(after, Duration.ofMinutes(10));
        PlannerState state = ended(PlannerState.EMPTY, 0, 2, "n1", FAILED);
        assertThat(state.nodes().avoided(limits)).hasSize(after == 1 ? 1 : 0);
    }

    @Test
    void preemptionsNeverBlameANode() {
        PodState deleted = new PodState.Terminating("the pod was deleted");
        for (PodState state : List.of(EVICTED, deleted)) {
            assertThat(ended(PlannerState.EMPTY, 0, 5, "n1", state).nodes()).isEqualTo(NodeFailures.NONE);
        }
    }

    /** Pods of one world end together: on several nodes, or all of it on one. */
    @Test
    void whatEndsAWorldAtOnceBlamesNoNode() {
        assertThat(crash(List.of("n1", "n2"), 2).blames()).as("two nodes").isEmpty();
        assertThat(crash(List.of("n1", "n1"), 2).blames())
                .as("a whole world on one node")
                .isEmpty();
        assertThat(crash(List.of("n1", "n2", "n1"), 4).blames()).isEmpty();
        assertThat(crash(List.of("n1", "n1"), 4).blames())
                .as("half a world on one node")
                .hasSize(1);
        assertThat(crash(List.of("n1"), 2).blames()).hasSize(1);
        assertThat(crash(List.of("n1"), 1).blames()).as("a world of one").hasSize(1);
        assertThat(crash(List.of("n1", ""), 3).blames()).as("who knows where").isEmpty();
    }

    /** Lets members of a world of this size crash on these nodes, each seen in a plan of its own. */
    private static NodeFailures crash(List<String> nodes, int size) {
        World world = new World(
                3,
                "u",
                IntStream.range(0, size).mapToObj(PlannerFixtures::member).toList(),
                "w");
        PlannerState state = PlannerFixtures.published(T0);
        for (int seen = 1; seen <= nodes.size(); seen++) {
            List<ObservedPod> pods = new ArrayList<>();
            for (int i = 0; i < size; i++) {
                String node = i < nodes.size() ? nodes.get(i) : "n9";
                pods.add(on(node, i, i < seen ? FAILED : READY, T0));
            }
            state = WorldPlanner.plan(
                            policy(size, 1, 0),
                            new PlannerInput("job", world, state, pods, 0),
                            T0.plusSeconds(60 + seen))
                    .state();
        }
        return state.nodes();
    }

    /** For seeded random histories: only failures blame, few are kept, and what is stored is a function of the events. */
    @Test
    void holdsItsInvariantsInRandomHistories() {
        for (long seed = 0; seed < 60; seed++) {
            Random random = new Random(seed);
            PlannerState state = PlannerState.EMPTY;
            Set<String> failedOn = new HashSet<>();
            Instant now = T0;
            for (int i = 0; i < 60; i++) {
                now = now.plusSeconds(1 + random.nextInt(400));
                String node = "n" + random.nextInt(6);
                PodState end = List.of(FAILED, EVICTED, new PodState.Ended(Cause.OVERUSED, "out of memory"))
                        .get(random.nextInt(3));
                if (end == FAILED) {
                    failedOn.add(node);
                }
                ReconcilePlan plan = plan(
                        new JobPolicy(
                                1, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 1000, DAY, false, Optional.empty()),
                        World.none("u"),
                        state,
                        List.of(on(node, i, end, now.minusSeconds(1))),
                        now);
                String where = "seed " + seed + ", pod " + i;
                assertThat(failedOn).as(where).containsAll(avoided(plan));
                for (AvoidedNode one : plan.nodes().avoided()) {
                    assertThat(Instant.parse(one.until())).as(where).isAfter(now);
                    assertThat(plan.state().nodes().blames().stream()
                                    .filter(blame -> blame.node().equals(one.node())))
                            .as(where)
                            .hasSizeGreaterThanOrEqualTo(2);
                }
                assertThat(plan.state().nodes().blames()).as(where).hasSizeLessThanOrEqualTo(NodeFailures.KEPT);
                assertThat(plan.nodes().avoided()).as(where).hasSizeLessThanOrEqualTo(NodeFailures.MOST_AVOIDED);
                state = plan.state();
            }
        }
    }

    @Test
    void aPodThatNoOtherNodeTakesIsReplacedByOneThatMayRunThere() {
        PlannerState state = ended(PlannerState.EMPTY, 0, 2, "n1", FAILED);
        Placement keptOff = new Placement("", Optional.empty(), true);
        Instant created = T0.plusSeconds(200);
        ObservedPod waiting = on(keptOff, 2, UNSCHEDULABLE, created);
        ReconcilePlan early = plan(policy(1, 1, 0), World.none("u"), state, List.of(waiting), created.plusSeconds(299));
        assertThat(early.delete()).isEmpty();
        assertThat(early.replanAt()).contains(created.plusSeconds(300));
        ReconcilePlan late = plan(policy(1, 1, 0), World.none("u"), state, List.of(waiting), created.plusSeconds(300));
        assertThat(late.delete()).containsExactly(waiting);
        assertThat(late.nodes().strict()).isFalse();
        ReconcilePlan next = plan(policy(1, 1, 0), World.none("u"), late.state(), List.of(), created.plusSeconds(301));
        assertThat(next.create()).hasSize(1);
        assertThat(next.nodes().strict()).isFalse();
        assertThat(avoided(next)).containsExactly("n1");
        assertThat(next.state().account().counts().preemptions()).isZero();

        PodState gated = new PodState.Starting(new Hold(Hold.Kind.WAITS, "SchedulingGated", "(kueue)"));
        ObservedPod scheduled = on(new Placement("n2", Optional.empty(), true), 2, PlannerFixtures.STARTING, created);
        ObservedPod free = on(Placement.on(""), 2, UNSCHEDULABLE, created);
        for (ObservedPod pod : List.of(scheduled, free, on(keptOff, 2, gated, created))) {
            assertThat(plan(policy(1, 1, 0), World.none("u"), state, List.of(pod), created.plusSeconds(900))
                            .delete())
                    .as("%s", pod)
                    .isEmpty();
        }
        PlannerState forgotten = plan(
                        policy(1, 1, 0), World.none("u"), late.state(), List.of(), T0.plus(Duration.ofHours(2)))
                .state();
        assertThat(forgotten.nodes().yielded())
                .as("pods must keep off the next ones again")
                .isFalse();
    }

    @Test
    void newcomersOnNodesThatMayGoEnterLastAndAreReleasedFirst() {
        World world = new World(3, "u", List.of(member(0)), "w");
        Placement hinted = new Placement("n1", Optional.of("node n1 is cordoned"), false);
        List<ObservedPod> pods = List.of(
                on("n0", 0, READY, T0), on(hinted, 1, READY, T0.plusSeconds(1)), on("n2", 2, READY, T0.plusSeconds(2)));
        ReconcilePlan two = plan(policy(2, 1, 1), world, PlannerFixtures.published(T0), pods, T0.plusSeconds(60));
        assertThat(PlannerFixtures.names(two)).containsExactly("job-0", "job-2");
        ReconcilePlan three = plan(policy(3, 1, 0), world, PlannerFixtures.published(T0), pods, T0.plusSeconds(60));
        assertThat(PlannerFixtures.names(three)).containsExactly("job-0", "job-2", "job-1");
        World full = new World(3, "u", List.of(member(0), member(1)), "w");
        assertThat(plan(policy(2, 1, 1), full, PlannerFixtures.published(T0), pods, T0.plusSeconds(60))
                        .world())
                .as("a member on such a node stays")
                .isInstanceOf(WorldDecision.Keep.class);
        ReconcilePlan fewer = plan(policy(1, 1, 1), world, PlannerFixtures.published(T0), pods, T0.plusSeconds(60));
        assertThat(fewer.delete()).containsExactly(pods.get(1));
    }

    @Test
    void aFailureIsOfTheEventThatItBegan() {
        Stream.of("exit code 70", "exit code 70: words").forEach(why -> {
            FailureEvent event = FailureEvent.of(on("n1", 0, FAILED, T0), why, T0);
            assertThat(new NodeFailures.Blame("n1", T0, "job-0", why, 2).isOf(event))
                    .isTrue();
            assertThat(new NodeFailures.Blame("n1", T0, "job-0", "exit code 71", 2).isOf(event))
                    .isFalse();
            assertThat(new NodeFailures.Blame("n1", T0.plusSeconds(1), "job-0", why, 2).isOf(event))
                    .isFalse();
        });
    }
}
