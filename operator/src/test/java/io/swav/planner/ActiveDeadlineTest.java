package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.FAILED;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.STARTING;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.after;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.plan;
import static io.swav.planner.PlannerFixtures.pod;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ConditionReason;
import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Plans for jobs with {@code activeDeadlineSeconds}. */
class ActiveDeadlineTest {
    private static final World TWO = new World(3, "u", List.of(member(0), member(1)), "w");
    private static final List<ObservedPod> TRAINING = List.of(pod(0, READY), pod(1, READY));

    private static JobPolicy policy(boolean suspended, @Nullable Duration deadline) {
        return new JobPolicy(
                2,
                1,
                0,
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                0,
                DAY,
                suspended,
                Optional.empty(),
                NodeAvoidance.DEFAULT,
                WantedSettings.DEFAULT,
                Optional.ofNullable(deadline),
                Optional.empty());
    }

    private static PlannerState started(@Nullable Instant at) {
        return PlannerState.EMPTY.with(new PlannerState.Progress(T0, null, null, Set.of(), at));
    }

    private static @Nullable ConditionReason end(ReconcilePlan plan) {
        PlannerState.End end = plan.state().progress().end();
        return end == null ? null : end.reason();
    }

    /** All combinations of what decides: suspended or not, clock, limit, time, a finished trainer, too many failures. */
    @Test
    void endsTheJobExactlyWhenItHasBeenActiveForAsLongAsItMay() {
        int cases = 0;
        for (boolean suspended : new boolean[] {false, true}) {
            for (Duration limit : new Duration[] {null, Duration.ofSeconds(1), Duration.ofSeconds(60)}) {
                for (Instant clock : new Instant[] {null, T0, T0.plusSeconds(30)}) {
                    for (long millis : new long[] {0, 999, 1000, 30_000, 31_000, 59_999, 60_000, 89_999, 90_000}) {
                        for (PodState second : new PodState[] {READY, STARTING, new PodState.Done(), FAILED}) {
                            cases++;
                            Instant now = T0.plusMillis(millis);
                            ReconcilePlan plan = plan(
                                    policy(suspended, limit),
                                    TWO,
                                    started(clock),
                                    List.of(pod(0, READY), pod(1, second)),
                                    now);
                            String where = suspended + " " + limit + " " + clock + " " + millis + " " + second;
                            boolean done = second instanceof PodState.Done;
                            boolean failed = second.equals(FAILED);
                            boolean late =
                                    !suspended && limit != null && clock != null && !now.isBefore(clock.plus(limit));
                            ConditionReason ofFailure = failed ? ConditionReason.TooManyFailures : null;
                            assertThat(end(plan))
                                    .as(where)
                                    .isEqualTo(!done && !failed && late ? ConditionReason.DeadlineExceeded : ofFailure);
                            if (end(plan) == null) {
                                assertThat(plan.state().progress().started())
                                        .as(where)
                                        .isEqualTo(
                                                suspended
                                                        ? null
                                                        : Optional.ofNullable(clock)
                                                                .orElse(now));
                            }
                            if (!suspended && limit != null && end(plan) == null && !done) {
                                Instant due =
                                        Optional.ofNullable(clock).orElse(now).plus(limit);
                                assertThat(plan.replanAt()).as(where).isPresent();
                                assertThat(plan.replanAt().orElseThrow())
                                        .as(where)
                                        .isBeforeOrEqualTo(due);
                            }
                        }
                    }
                }
            }
        }
        assertThat(cases).isEqualTo(2 * 3 * 3 * 9 * 4);
    }

    @Test
    void itsTrainersLeaveTogetherAndTheNextPlanKeepsTheEnd() {
        JobPolicy limited = policy(false, Duration.ofSeconds(60));
        ReconcilePlan end = plan(limited, TWO, started(T0), TRAINING, T0.plusSeconds(60));
        World left = after(end, TWO);
        assertThat(left.members())
                .as("all switch after the same step, and one saves")
                .isEmpty();
        assertThat(left.generation()).isEqualTo(4);
        assertThat(left.lost()).isEmpty();
        assertThat(left.hold()).isFalse();
        assertThat(end.delete()).isEqualTo(TRAINING);
        assertThat(end.create()).isEmpty();
        assertThat(end.newIncidents()).isEmpty();
        assertThat(end.state().account().incidents())
                .as("the end is no incident")
                .isEmpty();
        assertThat(end.state().progress().end()).isNotNull().satisfies(how -> {
            assertThat(how.complete()).isFalse();
            assertThat(how.message())
                    .contains("spec.activeDeadlineSeconds, 60 s, since 2026-01-01T00:00:00Z")
                    .contains("a new SwavJob with the same settings and checkpoint.uri continues");
        });

        List<ObservedPod> leaving =
                List.of(pod(0, new PodState.Terminating("deleted")), pod(1, new PodState.Terminating("deleted")));
        ReconcilePlan next = plan(limited, left, end.state(), leaving, T0.plusSeconds(61));
        assertThat(next.world()).isInstanceOf(WorldDecision.JobEnded.class);
        assertThat(next.state()).isEqualTo(end.state());
        assertThat(next.delete()).isEmpty();

        JobPolicy raised = policy(false, Duration.ofHours(1));
        assertThat(end(plan(raised, left, next.state(), List.of(), T0.plusSeconds(62))))
                .as("a job that has failed stays so")
                .isEqualTo(ConditionReason.DeadlineExceeded);
    }

    @Test
    void endsAJobWhoseTrainersHoldAndOneThatNeverGotAPod() {
        World held = new World(5, "u", List.of(member(0)), "paused", true, List.of());
        ReconcilePlan plan = plan(
                policy(false, Duration.ofSeconds(60)), held, started(T0), List.of(pod(0, READY)), T0.plusSeconds(60));
        assertThat(after(plan, held).members()).isEmpty();

        ReconcilePlan none = plan(
                policy(false, Duration.ofSeconds(60)),
                World.none("u"),
                started(T0),
                List.of(pod(0, STARTING)),
                T0.plusSeconds(60));
        assertThat(none.world()).isInstanceOf(WorldDecision.JobEnded.class);
        assertThat(none.delete()).extracting(ObservedPod::name).containsExactly("job-0");
    }

    @Test
    void aChangedLimitAppliesAtOnce() {
        PlannerState state = started(T0);
        Instant now = T0.plusSeconds(100);
        assertThat(end(plan(policy(false, Duration.ofSeconds(200)), TWO, state, TRAINING, now)))
                .isNull();
        assertThat(end(plan(policy(false, Duration.ofSeconds(99)), TWO, state, TRAINING, now)))
                .isEqualTo(ConditionReason.DeadlineExceeded);
        assertThat(end(plan(policy(false, null), TWO, state, TRAINING, now))).isNull();
    }

    /** A job that is suspended and resumed at random times ends by the clock of its last resumption alone. */
    @Test
    void timeBeforeTheLastResumptionDoesNotCount() {
        Duration limit = Duration.ofSeconds(60);
        for (int seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            PlannerState state = PlannerState.EMPTY;
            World world = World.none("u");
            Instant resumed = null;
            Instant now = T0;
            for (int i = 0; i < 40; i++) {
                boolean suspended = random.nextInt(4) == 0;
                resumed = suspended ? null : resumed == null ? now : resumed;
                JobPolicy policy = suspended && random.nextBoolean() // a queue takes its admission back
                        ? policy(false, limit).withheld("waits in queue")
                        : policy(suspended, limit);
                ReconcilePlan plan = plan(policy, world, state, List.of(), now);
                boolean late = resumed != null && !now.isBefore(resumed.plus(limit));
                assertThat(end(plan))
                        .as("seed " + seed + ", plan " + i)
                        .isEqualTo(late ? ConditionReason.DeadlineExceeded : null);
                if (late) {
                    break;
                }
                state = plan.state();
                world = after(plan, world);
                now = now.plusSeconds(random.nextInt(30));
            }
        }
    }
}
