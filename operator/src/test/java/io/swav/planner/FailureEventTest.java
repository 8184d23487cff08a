package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static io.swav.planner.PlannerFixtures.policy;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import io.swav.planner.PodState.Ended;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** One event is one failure, however many of 64 pods it ends; and a failure counts for a limited time. */
class FailureEventTest {
    private static final int PODS = 64;
    private static final JobPolicy POLICY =
            new JobPolicy(PODS, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 10, DAY, false, Optional.empty());
    private static final World WORLD =
            new World(4, "u", IntStream.range(0, PODS).mapToObj(n -> member(n)).toList(), "w");

    /** Returns a pod that has made steps in generation 4. */
    private static ObservedPod trained(int number, PodState state) {
        return trainedIn(4, number, state);
    }

    private static ObservedPod trainedIn(long generation, int number, PodState state) {
        LivenessSignals signals = new LivenessSignals(
                state instanceof Ended ? null : Duration.ofSeconds(1),
                false,
                Optional.empty(),
                Optional.empty(),
                12,
                Optional.of(new TrainerReport.Regroup(generation, 1.5, 0, 3, 3)));
        return new ObservedPod("job-" + number, "uid-" + number, T0.minusSeconds(1000 - number), state, signals);
    }

    private static PodState failed(int number, String how) {
        return new Ended(Cause.FAILED, how + ": trainer job-" + number + " says this");
    }

    private static List<ObservedPod> pods(int failedBefore, String how) {
        return IntStream.range(0, PODS)
                .mapToObj(n -> trained(n, n < failedBefore ? failed(n, how) : READY))
                .toList();
    }

    @Test
    void aNotANumberThatEndsEveryPodIsOneFailureAndEndsTheJobWithItsReason() {
        List<ObservedPod> pods = IntStream.range(0, PODS)
                .mapToObj(n -> trained(
                        n, new Ended(Cause.NOT_FINITE, "a step is not finite: step 12 is NaN, rank 3 (job-3), a.png")))
                .toList();
        ReconcilePlan plan = plan(POLICY, WORLD, published(T0), pods, T0.plusSeconds(60));
        assertThat(plan.world()).isInstanceOfSatisfying(WorldDecision.JobEnded.class, ended -> {
            assertThat(ended.end().reason()).isEqualTo(ConditionReason.NotFinite);
            assertThat(ended.why())
                    .isEqualTo("Training failed, a step is not finite: step 12 is NaN, rank 3 (job-3), a.png");
        });
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);
        assertThat(plan.newIncidents())
                .singleElement()
                .returns("job-0 and 63 more", Incident::pod)
                .returns(IncidentKind.Failure, Incident::kind);
        assertThat(plan.create()).isEmpty();

        ReconcilePlan again = plan(POLICY, WORLD, plan.state(), pods, T0.plusSeconds(61));
        assertThat(again.state().account().counts().failures()).isEqualTo(1);
    }

    @Test
    void podsOfOneWorldThatExitAlikeAreOneFailureAlsoIfTheyAreSeenOneByOne() {
        PlannerState state = published(T0);
        World world = WORLD;
        for (int failed = 1; failed <= PODS; failed += 7) {
            ReconcilePlan plan = plan(POLICY, world, state, pods(failed, "exit code 70"), T0.plusSeconds(60 + failed));
            assertThat(plan.state().progress().end()).as("%d failed", failed).isNull();
            assertThat(plan.state().account().counts().failures()).isEqualTo(1);
            assertThat(plan.newIncidents()).hasSize(failed == 1 ? 1 : 0);
            state = plan.state();
            world = after(plan, world);
            assertThat(state.account().incidents())
                    .as("the event caused each of the worlds, and no other incident did")
                    .singleElement()
                    .returns(failed == 1 ? "job-0" : "job-0 and " + (failed - 1) + " more", Incident::pod)
                    .returns(world.generation(), Incident::generation);
        }
        assertThat(state.failures().within(DAY, T0.plusSeconds(300))).isEqualTo(1);
    }

    /** Each deletion publishes a world, so that those which end after it are members of another one, not yet formed. */
    @Test
    void podsThatEndWhileTheirFirstWorldFormsAreOneFailureAlsoIfTheyAreSeenOneByOne() {
        PlannerState state = published(T0);
        World world = WORLD;
        for (int failed = 1; failed <= PODS; failed += 4) {
            int ended = failed;
            List<ObservedPod> pods = IntStream.range(0, PODS)
                    .mapToObj(n -> forming(n, n < ended ? failed(n, "out of memory (OOMKilled)") : READY))
                    .toList();
            ReconcilePlan plan = plan(POLICY, world, state, pods, T0.plusSeconds(60 + failed));
            assertThat(plan.state().progress().end()).as("%d failed", failed).isNull();
            assertThat(plan.state().account().counts().failures()).isEqualTo(1);
            state = plan.state();
            world = after(plan, world);
        }
        assertThat(world.generation()).isGreaterThan(WORLD.generation() + 10);
        assertThat(state.failures().within(DAY, T0.plusSeconds(300))).isEqualTo(1);
    }

    private static ObservedPod forming(int number, PodState state) {
        LivenessSignals signals = new LivenessSignals(
                state instanceof Ended ? null : Duration.ofSeconds(1),
                false,
                Optional.empty(),
                Optional.empty(),
                0,
                Optional.empty());
        return new ObservedPod("job-" + number, "uid-" + number, T0.minusSeconds(1000 - number), state, signals);
    }

    /** They were created together, and nothing else connects their ends. */
    @Test
    void sparesThatFailOnDifferentDaysAreDifferentFailures() {
        PlannerState state = published(T0);
        for (int day = 1; day <= 2; day++) {
            List<ObservedPod> pods = new ArrayList<>(pods(0, ""));
            for (int spare = PODS; spare < PODS + 2; spare++) {
                pods.add(pod(spare, spare < PODS + day ? failed(spare, "exit code 70") : READY));
            }
            ReconcilePlan plan = plan(policy(PODS, 1, 2), WORLD, state, pods, T0.plus(Duration.ofDays(day)));
            state = plan.state();
            assertThat(state.account().counts().failures()).isEqualTo(day);
        }
    }

    /** The ledger keeps the last incidents only, and others may have displaced that of the event. */
    @Test
    void aPodThatJoinsAnEventWhoseIncidentIsNoLongerListedCausesItsWorldAndNoResize() {
        PlannerState state = plan(POLICY, WORLD, published(T0), pods(1, "exit code 70"), T0.plusSeconds(60))
                .state();
        LedgerState account = state.account();
        for (int other = 0; other < LedgerState.KEPT; other++) {
            account = account.with(new Incident(
                    T0.plusSeconds(61).toString(), IncidentKind.Diverged, "job-9", "x", 12L, null, null, null));
        }
        ReconcilePlan plan = plan(POLICY, WORLD, state.with(account), pods(2, "exit code 70"), T0.plusSeconds(62));
        assertThat(plan.world()).isInstanceOf(WorldDecision.Regroup.class);
        assertThat(plan.state().account().counts().failures()).isEqualTo(1);
        assertThat(plan.newIncidents()).isEmpty();
        assertThat(plan.state().account().incidents())
                .last()
                .returns(IncidentKind.Failure, Incident::kind)
                .returns("job-0 and 1 more", Incident::pod)
                .returns(WORLD.generation() + 1, Incident::generation);
    }

    @Test
    void otherExitsOtherWorldsAndLaterFailuresAreOtherFailures() {
        ReconcilePlan first = plan(POLICY, WORLD, published(T0), pods(2, "exit code 70"), T0.plusSeconds(60));
        assertThat(first.state().account().counts().failures()).isEqualTo(1);

        List<ObservedPod> others = new ArrayList<>(pods(2, "exit code 70"));
        others.set(5, trained(5, failed(5, "exit code 137 (killed by SIGKILL)")));
        others.set(6, trained(6, failed(6, "out of memory (OOMKilled)")));
        others.set(7, trainedIn(5, 7, failed(7, "exit code 70")));
        World next = after(first, WORLD);
        ReconcilePlan more = plan(POLICY, next, first.state(), others, T0.plusSeconds(61));
        assertThat(more.state().account().counts().failures()).isEqualTo(4);

        List<ObservedPod> late = new ArrayList<>(pods(2, "exit code 70"));
        late.set(8, trained(8, failed(8, "exit code 70")));
        Instant hourLater = T0.plusSeconds(3600);
        assertThat(plan(POLICY, next, first.state(), late, hourLater)
                        .state()
                        .account()
                        .counts()
                        .failures())
                .isEqualTo(2);
    }

    @Test
    void membersThatHangTogetherAreOneHang() {
        List<ObservedPod> pods = IntStream.range(0, PODS)
                .mapToObj(n -> new ObservedPod(
                        "job-" + n,
                        "uid-" + n,
                        T0.minusSeconds(1000),
                        READY,
                        new LivenessSignals(
                                Duration.ofSeconds(n == 0 ? 1 : 120),
                                n == 0,
                                Optional.of(Duration.ofSeconds(120)),
                                Optional.empty(),
                                12,
                                Optional.of(new TrainerReport.Regroup(4, 1.5, 0, 3, 3)))))
                .toList();
        ReconcilePlan plan = plan(POLICY, WORLD, published(T0.minusSeconds(500)), pods, T0);
        assertThat(plan.forceDelete()).hasSize(PODS - 1);
        assertThat(plan.state().account().counts().hangs()).isEqualTo(1);
        assertThat(plan.state().progress().end()).isNull();
        assertThat(plan.newIncidents()).singleElement().returns("job-1 and 62 more", Incident::pod);
    }

    /** For example, the data's server is down: each pod exits with the same code before it enters a world. */
    @Test
    void podsThatFailBeforeTheyEnterAWorldAreOneFailureForEachAttempt() {
        PlannerState state = PlannerState.EMPTY;
        Instant created = T0;
        for (int attempt = 1; attempt <= 3; attempt++) {
            Instant now = created.plusSeconds(30);
            Instant at = created;
            int number = attempt * PODS;
            List<ObservedPod> pods = IntStream.range(0, PODS)
                    .mapToObj(n -> new ObservedPod(
                            "job-" + (number + n),
                            "uid-" + (number + n),
                            at,
                            failed(n, "exit code 70"),
                            LivenessSignals.NONE))
                    .toList();
            for (int seen : new int[] {1, 40, PODS}) {
                state = plan(POLICY, World.none("u"), state, pods.subList(0, seen), now)
                        .state();
            }
            assertThat(state.account().counts().failures()).isEqualTo(attempt);
            assertThat(state.backoff().retryAt())
                    .as("one failure doubles the delay once")
                    .isEqualTo(now.plusSeconds(1L << (attempt - 1)));
            created = now.plusSeconds(1L << (attempt - 1));
        }
    }

    /** A job of a month with a failure every three days: its eleventh is harmless. */
    @Test
    void aFailureCountsForTheWindowOnly() {
        PlannerState state = published(T0);
        World world = WORLD;
        Instant now = T0;
        for (int number = 0; number < 12; number++) {
            List<ObservedPod> pods = new ArrayList<>(pods(0, ""));
            pods.set(number, trainedIn(world.generation(), number, failed(number, "exit code 70")));
            ReconcilePlan plan = plan(POLICY, world, state, pods, now);
            assertThat(plan.state().progress().end())
                    .as("failure %d", number + 1)
                    .isNull();
            state = plan.state();
            world = after(plan, world);
            now = now.plus(Duration.ofDays(3));
        }
        assertThat(state.account().counts().failures()).isEqualTo(12);
        assertThat(state.failures().within(DAY, now)).isZero();
    }

    @Test
    void tooManyFailuresInTheWindowEndTheJob() {
        JobPolicy two = new JobPolicy(
                PODS, 1, 0, Duration.ZERO, Duration.ofSeconds(60), 2, Duration.ofHours(1), false, Optional.empty());
        PlannerState state = published(T0);
        World world = WORLD;
        int[] minutes = {0, 90, 100, 140, 149};
        for (int number = 0; number < minutes.length; number++) {
            List<ObservedPod> pods = new ArrayList<>(pods(0, ""));
            pods.set(number, trainedIn(world.generation(), number, failed(number, "exit code 70")));
            ReconcilePlan plan = plan(two, world, state, pods, T0.plusSeconds(60L * minutes[number]));
            state = plan.state();
            world = after(plan, world);
            assertThat(state.progress().end() != null)
                    .as("minute %d", minutes[number])
                    .isEqualTo(number >= 3);
            if (number == 3) {
                assertThat(plan.world().why())
                        .isEqualTo("3 failures, recovery.maxFailures allows 2 within recovery.failureWindowSeconds,"
                                + " 3600 s (not counting 1 older). Last failure: job-3: exit code 70: trainer job-3"
                                + " says this");
            }
        }
    }

    @Test
    void whatIsStoredStaysSmallAndForgetsNoFailureOfTheWindow() {
        Failures failures = Failures.NONE;
        int all = 5 * Failures.KEPT;
        for (int i = 0; i < all; i++) {
            Instant now = T0.plusSeconds(i);
            failures = failures.with(new FailureEvent(i + 1L, "exit code 70", now, now, "job-" + i, 1), now);
        }
        assertThat(failures.counted()).hasSize(Failures.KEPT);
        assertThat(failures.events()).hasSizeLessThan(10);
        assertThat(failures.within(DAY, T0.plusSeconds(all))).isEqualTo(all);
    }

    @Test
    void aStepThatWasNotFiniteIsRecordedOnceAndIsNoFailure() {
        TrainerReport.NotFinite retried =
                new TrainerReport.NotFinite(4, 1, 12, null, "job-0", "step 12 is NaN; again it is finite");
        TrainerReport.NotFinite resumed =
                new TrainerReport.NotFinite(4, 3, 40, 30L, "job-9", "step 40 is NaN; resumed from step 30");
        PlannerState state = published(T0);
        state = recorded(state, retried, 1);
        state = recorded(state, retried, 0);
        assertThat(state.account().stepsLost()).as("it was computed again").isZero();
        state = recorded(state, resumed, 1);
        assertThat(state.account().incidents())
                .last()
                .returns(IncidentKind.NotFinite, Incident::kind)
                .returns("job-9", Incident::pod)
                .returns(10L, Incident::stepsLost)
                .returns(40L, Incident::step);
        assertThat(state.account().stepsLost()).isEqualTo(10);
        assertThat(state.failures().notFinite()).as("one report was not seen").isEqualTo(3);
        assertThat(state.account().counts().failures()).isZero();
        state = recorded(state, new TrainerReport.NotFinite(3, 9, 1, null, "job-0", "of an earlier world"), 0);
        state = recorded(state, new TrainerReport.NotFinite(5, 1, 50, null, "job-0", "of a later world"), 1);
        assertThat(state.failures().notFinite()).isEqualTo(4);
    }

    private static PlannerState recorded(PlannerState state, TrainerReport.NotFinite reported, int incidents) {
        PlannerInput input = new PlannerInput("job", WORLD, state, pods(0, ""), 12, null, Reporting.POSSIBLE, reported);
        ReconcilePlan plan = WorldPlanner.plan(policy(PODS, 1, 0), input, T0.plusSeconds(60));
        assertThat(plan.newIncidents()).hasSize(incidents);
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        return plan.state();
    }
}
