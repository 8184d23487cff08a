package io.swav.planner;

import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.names;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ReachReport;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PlannerState.Trial;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Newcomers that the members of a running world call before they may enter. */
class NewcomerTrialsTest {
    private static final World WORLD = new World(5, "u", List.of(member(0), member(1)), "w");
    private static final JobPolicy THREE = policy(3, 1, 0);

    @Test
    void aNewcomerEntersWhenAllHaveReachedIt() {
        ReconcilePlan asks = plan(THREE, WORLD, published(T0), of(newcomer(2, 0)), T0);
        assertThat(asks.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(asks.world().why()).contains("job-2 is ready and enters when it has called all members");
        assertThat(asks.replanAt()).isPresent();
        assertThat(asks.state().pods().trials()).containsExactly(new Trial(member(2), T0));

        ReconcilePlan called = plan(THREE, WORLD, asks.state(), of(newcomer(2, 5)), T0.plusSeconds(1));
        assertThat(called.world().why()).contains("enters when job-0 has called it");
        assertThat(called.state()).as("nothing to write").isEqualTo(asks.state());

        ReconcilePlan oneMissing = plan(
                THREE, WORLD, asks.state(), List.of(calls(0, "uid-2"), calls(1), newcomer(2, 5)), T0.plusSeconds(1));
        assertThat(oneMissing.world().why()).contains("enters when job-1 has called it");

        List<ObservedPod> reached = List.of(calls(0, "uid-2"), calls(1, "uid-2"), newcomer(2, 5));
        ReconcilePlan enters = plan(THREE, WORLD, asks.state(), reached, T0.plusSeconds(1));
        assertThat(names(enters)).containsExactly("job-0", "job-1", "job-2");
        assertThat(enters.state().pods().trials()).isEmpty();
        ReconcilePlan again = plan(THREE, after(enters, WORLD), enters.state(), reached, T0.plusSeconds(1));
        assertThat(again.state()).isEqualTo(enters.state());
    }

    @Test
    void oneThatAMemberDoesNotReachNeverEntersAndIsReplacedAfterADelay() {
        for (boolean own : new boolean[] {false, true}) {
            for (int seconds : new int[] {2, 9}) {
                ReconcilePlan refused = plan(THREE, WORLD, trying(T0.minusSeconds(100)), unreached(own, seconds), T0);
                assertThat(refused.world()).isInstanceOf(WorldDecision.Keep.class);
                assertThat(refused.world().why())
                        .contains("job-2 is ready but may not enter: ")
                        .contains(own ? "it does not reach job-1" : "job-1 does not reach it")
                        .contains("another key");
                assertThat(refused.delete()).isEmpty();
            }
            ReconcilePlan out = plan(THREE, WORLD, trying(T0.minusSeconds(100)), unreached(own, 10), T0);
            assertThat(out.world()).as("the members train on").isInstanceOf(WorldDecision.Keep.class);
            assertThat(out.delete()).extracting(ObservedPod::name).containsExactly("job-2");
            assertThat(out.create()).isEmpty();
            assertThat(out.state().backoff().retryAt()).isEqualTo(T0.plusSeconds(1));
            assertThat(out.state().pods().trials()).isEmpty();
            assertThat(out.newIncidents()).singleElement().satisfies(incident -> {
                assertThat(incident.kind()).isEqualTo(IncidentKind.Unreachable);
                assertThat(incident.pod()).isEqualTo("job-2");
                assertThat(incident.reason())
                        .contains("job-1")
                        .contains("another key")
                        .contains("never entered");
            });
            ReconcilePlan again = plan(THREE, WORLD, out.state(), unreached(own, 12), T0.plusSeconds(2));
            assertThat(again.newIncidents()).as("counted once").isEmpty();
            assertThat(again.create()).as("its place is free").hasSize(1);
        }
    }

    private static List<ObservedPod> unreached(boolean own, double seconds) {
        ReachReport.Failure member = new ReachReport.Failure("uid-1", "another key", seconds);
        ReachReport.Failure newcomer = new ReachReport.Failure("uid-2", "another key", seconds);
        return List.of(
                calls(0, "uid-2"),
                own
                        ? calls(1, "uid-2")
                        : pod(1, READY, signals(1, true, new ReachReport(0, List.of(newcomer), List.of()))),
                pod(2, READY, signals(1, false, new ReachReport(5, own ? List.of(member) : List.of(), List.of()))));
    }

    /** A member may be cut off from the API server, or may have missed the list. */
    @Test
    void aMemberWithoutAResultDelaysAnEntryByTenSecondsAtMost() {
        for (int silence : new int[] {1, 30}) {
            List<ObservedPod> pods =
                    List.of(calls(0, "uid-2"), pod(1, READY, signals(silence, true, ReachReport.NONE)), newcomer(2, 5));
            ReconcilePlan waits = plan(THREE, WORLD, trying(T0.minusSeconds(9)), pods, T0);
            assertThat(waits.world()).isInstanceOf(WorldDecision.Keep.class);
            assertThat(waits.replanAt()).hasValueSatisfying(at -> assertThat(at).isBeforeOrEqualTo(T0.plusSeconds(1)));
            assertThat(names(plan(THREE, WORLD, trying(T0.minusSeconds(10)), pods, T0)))
                    .contains("job-2");
        }
    }

    @Test
    void membersOfAVersionThatMakesNoCallsDelayNothing() {
        List<ObservedPod> pods =
                List.of(pod(0, READY, signals(1, true, null)), pod(1, READY), pod(2, READY, signals(1, false, null)));
        ReconcilePlan plan = plan(THREE, WORLD, published(T0), pods, T0);
        assertThat(names(plan)).contains("job-2");
        assertThat(plan.state().pods().trials()).isEmpty();
    }

    @Test
    void aNewcomerOfAVersionThatMakesNoCallsIsCalledByTheMembers() {
        ObservedPod earlier = pod(2, READY, signals(1, false, null));
        List<ObservedPod> untried = List.of(calls(0), calls(1), earlier);
        assertThat(plan(THREE, WORLD, published(T0), untried, T0).world()).isInstanceOf(WorldDecision.Keep.class);
        List<ObservedPod> tried = List.of(calls(0, "uid-2"), calls(1, "uid-2"), earlier);
        assertThat(names(plan(THREE, WORLD, published(T0), tried, T0))).contains("job-2");
    }

    @Test
    void aWorldWithoutSurvivorsTakesNewcomersUntried() {
        World none = new World(5, "u", List.of(), "all left");
        List<ObservedPod> pods = List.of(newcomer(2, 0), newcomer(3, 0));
        assertThat(names(plan(policy(2, 2, 0), none, published(T0), pods, T0))).containsExactly("job-2", "job-3");
        assertThat(names(plan(policy(2, 2, 0), World.none("u"), PlannerState.EMPTY, pods, T0)))
                .containsExactly("job-2", "job-3");
    }

    @Test
    void losingAMemberWaitsForNoTrial() {
        List<ObservedPod> pods = List.of(calls(0), pod(1, new PodState.Terminating("spot")), newcomer(2, 0));
        assertThat(names(plan(THREE, WORLD, published(T0), pods, T0))).containsExactly("job-0");
        List<ObservedPod> spare = List.of(calls(0, "uid-2"), pod(1, new PodState.Terminating("spot")), newcomer(2, 5));
        assertThat(names(plan(policy(2, 2, 1), WORLD, trying(T0), spare, T0)))
                .as("a spare has been tried long before")
                .containsExactly("job-0", "job-2");
    }

    @Test
    void aSpareIsTriedWhileTheWorldIsFull() {
        ReconcilePlan plan = plan(policy(2, 2, 1), WORLD, published(T0), of(newcomer(2, 0)), T0);
        assertThat(plan.state().pods().trials()).containsExactly(new Trial(member(2), T0));
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
    }

    @Test
    void ofTwoNewcomersThatDoNotReachEachOtherTheOlderEnters() {
        JobPolicy four = policy(4, 1, 0);
        ReachReport.Failure older = new ReachReport.Failure("uid-2", "no route", 3);
        List<ObservedPod> pods = List.of(
                calls(0, "uid-2", "uid-3"),
                calls(1, "uid-2", "uid-3"),
                newcomer(2, 5),
                pod(3, READY, signals(1, false, new ReachReport(5, List.of(older), List.of()))));
        PlannerState state = PlannerState.EMPTY.with(
                PlannerState.Pods.NONE.trying(List.of(new Trial(member(2), T0), new Trial(member(3), T0))));
        assertThat(names(plan(
                        four, WORLD, state.with(published(T0.minusSeconds(60)).progress()), pods, T0)))
                .containsExactly("job-0", "job-1", "job-2");
    }

    @Test
    void sixtyFourMembersCallOneNewcomerAndNoneWaitsForItsEnd() {
        World world = new World(
                5, "u", IntStream.range(0, 64).mapToObj(PlannerFixtures::member).toList(), "w");
        ReachReport.Failure failure = new ReachReport.Failure("uid-64", "connect timed out", 10);
        List<ObservedPod> pods = Stream.concat(
                        IntStream.range(0, 64)
                                .mapToObj(number -> pod(
                                        number,
                                        READY,
                                        signals(1, true, new ReachReport(0, List.of(failure), List.of())))),
                        Stream.of(newcomer(64, 5)))
                .toList();
        ReconcilePlan plan = plan(policy(65, 1, 0), world, published(T0.minusSeconds(60)), pods, T0);
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.delete()).extracting(ObservedPod::name).containsExactly("job-64");
        assertThat(plan.newIncidents()).hasSize(1);
    }

    private static List<ObservedPod> of(ObservedPod newcomer) {
        return List.of(calls(0), calls(1), newcomer);
    }

    private static PlannerState trying(Instant since) {
        PlannerState state = published(T0.minusSeconds(200));
        return state.with(state.pods().trying(List.of(new Trial(member(2), since))));
    }

    private static ObservedPod calls(int number, String... reached) {
        return pod(number, READY, signals(1, true, new ReachReport(0, List.of(), List.of(reached))));
    }

    private static ObservedPod newcomer(int number, long called) {
        return pod(number, READY, signals(1, false, new ReachReport(called, List.of(), List.of())));
    }

    private static LivenessSignals signals(int silence, boolean holder, @Nullable ReachReport reach) {
        return new LivenessSignals(
                Duration.ofSeconds(silence),
                false,
                holder ? Optional.of(Duration.ofSeconds(1)) : Optional.empty(),
                Optional.empty(),
                12,
                holder ? Optional.of(new TrainerReport.Regroup(5, null, 0, 10, 10)) : Optional.empty(),
                Optional.ofNullable(reach));
    }
}
