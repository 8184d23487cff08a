package io.swav.planner;

import static io.swav.planner.PlannerFixtures.DAY;
import static io.swav.planner.PlannerFixtures.READY;
import static io.swav.planner.PlannerFixtures.T0;
import static io.swav.planner.PlannerFixtures.member;
import static io.swav.planner.PlannerFixtures.published;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.EpochSchedule;
import io.swav.api.EpochSchedule.Change;
import io.swav.api.Fingerprints;
import io.swav.api.LiveSettings;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ChangedSettingsTest {
    private static final LiveSettings LIVE = WantedSettings.DEFAULT.live();
    private static final LiveSettings OFTEN = new LiveSettings(100, 50, null, 3, 15);
    private static final WantedSettings FIRST = new WantedSettings(100, LIVE);
    private static final WantedSettings RAISED = new WantedSettings(200, LIVE);
    private static final World WORLD = new World(3, "u", List.of(member(0), member(1)), "w");
    private static final EpochSchedule PENDING = EpochSchedule.of(100).raisedTo(200);

    private static JobPolicy policy(int target, int min, WantedSettings wanted) {
        return new JobPolicy(
                target,
                min,
                0,
                Duration.ofSeconds(30),
                Duration.ofSeconds(60),
                10,
                DAY,
                false,
                Optional.empty(),
                NodeAvoidance.DEFAULT,
                wanted,
                Optional.empty(),
                Optional.empty());
    }

    private static ObservedPod pod(int number, PodState state, boolean followsSettings) {
        LivenessSignals signals = new LivenessSignals(
                Duration.ofSeconds(1),
                false,
                Optional.of(Duration.ZERO),
                Optional.empty(),
                12,
                Optional.of(new TrainerReport.Regroup(3, 0.0, 0, 5, 5)));
        return new ObservedPod(
                "job-" + number,
                "uid-" + number,
                T0.minusSeconds(100 - number),
                state,
                signals,
                false,
                new ReportedFacts(Placement.on("n"), Fingerprints.NONE, Optional.empty(), followsSettings));
    }

    private static List<ObservedPod> pods(int count, boolean followSettings) {
        return IntStream.range(0, count)
                .mapToObj(number -> pod(number, READY, followSettings))
                .toList();
    }

    private static PlannerInput input(
            World world,
            PlannerState state,
            List<ObservedPod> pods,
            @Nullable WantedSettings configured,
            @Nullable Change reported) {
        return new PlannerInput(
                "job",
                world,
                state,
                pods,
                12,
                null,
                Reporting.POSSIBLE,
                null,
                configured,
                reported,
                null,
                WantedTemplate.NONE);
    }

    private static ReconcilePlan plan(WantedSettings wanted, PlannerInput input) {
        return WorldPlanner.plan(policy(2, 1, wanted), input, T0);
    }

    @Test
    void aRaisePublishesAWorldOfTheSameMembers() {
        ReconcilePlan plan = plan(RAISED, input(WORLD, published(T0), pods(2, true), FIRST, new Change(0L, 100)));
        World next = ((WorldDecision.Regroup) plan.world()).next();
        assertThat(next.generation()).isEqualTo(4);
        assertThat(next.members()).isEqualTo(WORLD.members());
        assertThat(next.lost()).isEmpty();
        assertThat(next.epochs()).isEqualTo(PENDING);
        assertThat(next.settings()).as("never changed").isNull();
        assertThat(next.why()).isEqualTo("training.epochs 200 instead of 100");
        assertThat(plan.state().settings()).isEqualTo(new ChangedSettings(PENDING, null));
        assertThat(plan.state().account().incidents()).singleElement().satisfies(incident -> {
            assertThat(incident.kind()).isEqualTo(IncidentKind.Settings);
            assertThat(incident.pod()).isEqualTo("job-0 and 1 more");
        });
        assertThat(plan.create()).isEmpty();
        assertThat(plan.delete()).isEmpty();

        ReconcilePlan again = plan(RAISED, input(next, plan.state(), pods(2, true), FIRST, new Change(0L, 100)));
        assertThat(again.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(again.state()).isEqualTo(plan.state());
    }

    @Test
    void theStepOnWhichTrainersAgreedIsRememberedAndPublishedWithTheNextWorld() {
        World world = WORLD.with(PENDING, null);
        PlannerState state = published(T0).with(new ChangedSettings(PENDING, null));
        ReconcilePlan plan = plan(RAISED, input(world, state, pods(2, true), FIRST, new Change(1234L, 200)));
        EpochSchedule agreed = PENDING.agreed(new Change(1234L, 200));
        assertThat(plan.world()).as("trainers know it").isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.state().settings().epochs()).isEqualTo(agreed);

        ReconcilePlan later = plan(RAISED, input(world, plan.state(), pods(1, true), FIRST, null));
        assertThat(((WorldDecision.Regroup) later.world()).next().epochs()).isEqualTo(agreed);
    }

    @Test
    void otherSettingsArePublishedAsTheSpecHasThem() {
        ReconcilePlan plan = plan(
                new WantedSettings(100, OFTEN), input(WORLD, published(T0), pods(2, true), FIRST, new Change(0L, 100)));
        World next = ((WorldDecision.Regroup) plan.world()).next();
        assertThat(next.settings()).isEqualTo(OFTEN);
        assertThat(next.epochs()).isNull();
        assertThat(next.why()).isEqualTo("checkpoint.everySteps 50 instead of 500");

        ReconcilePlan back = plan(FIRST, input(next, plan.state(), pods(2, true), FIRST, new Change(0L, 100)));
        World last = ((WorldDecision.Regroup) back.world()).next();
        assertThat(last.settings())
                .as("members have to be given what is in the file again")
                .isEqualTo(LIVE);
        assertThat(last.why()).isEqualTo("checkpoint.everySteps 500 instead of 50");
    }

    /** The operator may end between the two writes; the configuration file is written last. */
    @Test
    void nothingIsForgottenIfTheOperatorEndsBeforeItWritesTheConfiguration() {
        WantedSettings wanted = new WantedSettings(200, OFTEN);
        ReconcilePlan plan = plan(wanted, input(WORLD, published(T0), pods(2, true), FIRST, null));
        World next = ((WorldDecision.Regroup) plan.world()).next();
        for (WantedSettings configured : List.of(FIRST, new WantedSettings(100, OFTEN))) {
            ReconcilePlan again = plan(wanted, input(next, plan.state(), pods(2, true), configured, null));
            assertThat(again.world()).isInstanceOf(WorldDecision.Keep.class);
            assertThat(again.state().settings()).isEqualTo(plan.state().settings());
        }
    }

    @Test
    void trainersOfAnEarlierVersionTrainOnAndTheStatusSaysWhatToDo() {
        List<ObservedPod> mixed = List.of(pod(0, READY, true), pod(1, READY, false));
        ReconcilePlan plan = plan(RAISED, input(WORLD, published(T0), mixed, FIRST, new Change(0L, 100)));
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        assertThat(plan.world().why())
                .isEqualTo("2 of 2 wanted trainers are in the world. training.epochs 200 instead of 100 has to wait:"
                        + " job-1 runs an earlier version that reads its settings only at its start. Update the image in"
                        + " spec.template");
        ReconcilePlan updated = plan(RAISED, input(WORLD, plan.state(), pods(2, true), FIRST, new Change(0L, 100)));
        assertThat(((WorldDecision.Regroup) updated.world()).next().epochs()).isEqualTo(PENDING);
    }

    @Test
    void aJobThatNeverRanStartsWithWhatItsSpecSays() {
        ReconcilePlan plan = plan(RAISED, input(World.none("u"), PlannerState.EMPTY, List.of(), FIRST, null));
        assertThat(plan.state().settings()).isEqualTo(ChangedSettings.NONE);
        assertThat(plan.create()).hasSize(2);
    }

    @Test
    void aJobThatHasMadeItsLastStepTakesNothingOver() {
        PlannerState finishing = published(T0).with(PlannerState.Progress.NONE.finishing(T0));
        ReconcilePlan plan = plan(RAISED, input(WORLD, finishing, pods(2, true), FIRST, new Change(0L, 100)));
        assertThat(plan.world()).isInstanceOf(WorldDecision.Keep.class);
        ChangedSettings trained = new ChangedSettings(EpochSchedule.of(100), null);
        assertThat(plan.state().settings()).isEqualTo(trained);
        ReconcilePlan later = plan(RAISED, input(WORLD, plan.state(), pods(2, true), RAISED, new Change(0L, 100)));
        assertThat(later.state().settings())
                .as("the accepted spec has 200 by then")
                .isEqualTo(trained);
        assertThat(plan(FIRST, input(WORLD, finishing, pods(2, true), FIRST, null))
                        .state()
                        .settings())
                .as("nothing to remember")
                .isEqualTo(ChangedSettings.NONE);
    }

    @Test
    void aPausedWorldIsGivenThemWhenItTrainsAgain() {
        World hold = new World(3, "u", List.of(member(0)), "too few", true, List.of());
        PlannerInput paused = input(hold, published(T0), pods(1, true), FIRST, null);
        ReconcilePlan plan = WorldPlanner.plan(policy(2, 2, RAISED), paused, T0);
        assertThat(plan.world()).isInstanceOf(WorldDecision.Wait.class);
        PlannerInput enough = input(hold, plan.state(), pods(2, true), FIRST, null);
        World next = ((WorldDecision.Regroup)
                        WorldPlanner.plan(policy(2, 2, RAISED), enough, T0).world())
                .next();
        assertThat(next.epochs()).isEqualTo(PENDING);
    }

    /** In any order of changes, losses and reports, the world ends with what the spec wants, and epochs never fall. */
    @Test
    void everySequenceOfChangesReachesTheTrainers() {
        for (int seed = 0; seed < 100; seed++) {
            Random random = new Random(seed);
            World world = WORLD;
            PlannerState state = published(T0);
            WantedSettings wanted = FIRST;
            WantedSettings configured = FIRST;
            EpochSchedule trained = EpochSchedule.of(100);
            long step = 1;
            for (int i = 0; i < 30; i++) {
                if (random.nextInt(4) == 0) {
                    wanted = new WantedSettings(
                            wanted.epochs() + random.nextInt(3) * 50,
                            new LiveSettings(100, 1 + random.nextInt(3), null, 3, 15));
                }
                List<ObservedPod> pods = new ArrayList<>(pods(2, true));
                if (random.nextInt(6) == 0) {
                    pods.remove(random.nextInt(2));
                }
                Change reported = random.nextInt(3) == 0 ? null : trained.last();
                ReconcilePlan plan = plan(wanted, input(world, state, pods, configured, reported));
                if (random.nextInt(5) > 0) { // otherwise the operator ends before it writes anything
                    state = plan.state();
                    if (plan.world() instanceof WorldDecision.Regroup regroup) {
                        int before =
                                world.epochs() == null ? 100 : world.epochs().epochs();
                        world = regroup.next();
                        int after =
                                world.epochs() == null ? 100 : world.epochs().epochs();
                        assertThat(after).as("seed %d", seed).isGreaterThanOrEqualTo(before);
                    }
                    configured = random.nextBoolean() ? new WantedSettings(100, wanted.live()) : configured;
                }
                step += random.nextInt(5);
                trained = trained.following(world.epochs(), step);
            }
            for (int i = 0; i < 3; i++) {
                ReconcilePlan plan = plan(wanted, input(world, state, pods(2, true), configured, trained.last()));
                state = plan.state();
                world = plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : world;
                trained = trained.following(world.epochs(), step);
            }
            assertThat(trained.epochs()).as("seed %d", seed).isEqualTo(wanted.epochs());
            assertThat(world.settings() == null ? LIVE : world.settings())
                    .as("seed %d", seed)
                    .isEqualTo(wanted.live());
            EpochSchedule known = state.settings().epochs() == null
                    ? trained
                    : state.settings().epochs();
            assertThat(known.last())
                    .as("seed %d: the operator knows what its trainers do", seed)
                    .isEqualTo(trained.last());
        }
    }
}
