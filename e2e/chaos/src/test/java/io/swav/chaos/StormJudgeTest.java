package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.swav.api.JournalEvent;
import io.swav.api.StageTime;
import io.swav.api.TrainingSpec.Reproducibility;
import io.swav.chaos.InjectedFault.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Tests with hand-made journals: 8 samples per step, 3 steps per epoch, one second per step. */
class StormJudgeTest {
    private static final int BATCH = 8;
    private static final long SECOND = 1_000_000;
    private static final long EPOCH_STEPS = 3;

    private final Map<String, Journal> journals = new TreeMap<>();
    private final List<InjectedFault> faults = new ArrayList<>();
    private long clock;

    @Test
    void anUndisturbedRunKeepsEveryPromise() {
        form(1, "a", "b");
        steps(1, 0, 6, "a", "b");
        done("a", "b");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.goodput()).isCloseTo(1, within(1e-9));
        assertThat(report.samplesNotExactlyOnce()).isZero();
        assertThat(report.weightsEqual()).isTrue();
        assertThat(report.lossEqual()).isTrue();
        assertThat(report.survivorsKeptProcess()).isTrue();
        assertThat(report.pauseSeconds()).isEmpty();
    }

    @Test
    void aKillMayCostTheStepInFlightAndItsPauseIsMeasured() {
        form(1, "a", "b");
        steps(1, 0, 7, "a", "b");
        inject(Kind.KILL, "b");
        event("a", JournalEvent.DROPPED, 1, 7);
        clock += SECOND / 2;
        form(2, "a");
        steps(2, 7, 12, "a");
        done("a");

        StormReport report = judge(12);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isEqualTo(1);
        assertThat(report.stepsLostWithNotice()).isZero();
        assertThat(pause(report, "kill").max()).isCloseTo(0.5, within(1e-6));
        assertThat(report.goodput()).isCloseTo(12 / 12.5, within(1e-9));
        assertThat(report.survivorsKeptProcess()).isTrue();
    }

    @Test
    void theStagesOfChangesAreThoseThatTheMembersRecorded() {
        form(1, "a", "b");
        regrouped("a", 1, 9); // the first world is no change
        steps(1, 0, 7, "a", "b");
        form(2, "a", "b");
        steps(2, 7, 12, "a", "b");
        regrouped("a", 2, 0.25);
        regrouped("b", 2, 0.5);
        done("a", "b");

        assertThat(judge(12).changeSeconds()).containsOnlyKeys("connect", "first step");
        assertThat(judge(12).changeSeconds())
                .containsEntry("connect", new StormReport.Stage(0.25, 0.5, 0.125, 0.25, 2))
                .containsEntry("first step", new StormReport.Stage(1, 1, 2, 2, 2));
    }

    private void regrouped(String pod, long generation, double seconds) {
        Map<String, StageTime> stages = new LinkedHashMap<>();
        stages.put("connect", new StageTime(seconds, seconds / 2));
        stages.put("first step", new StageTime(1, 2));
        journal(pod)
                .events()
                .add(new Journal.Event(JournalEvent.REGROUPED, clock, generation, 0, pod.hashCode(), "", stages));
    }

    @Test
    void aKillMayNotCostTwoSteps() {
        form(1, "a", "b");
        steps(1, 0, 3, "a", "b");
        inject(Kind.KILL, "b");
        event("a", JournalEvent.DROPPED, 1, 3);
        form(2, "a");
        steps(2, 2, 6, "a"); // step 2 was made already
        done("a");

        StormReport report = judge(6);

        assertThat(report.stepsLostWithoutNotice()).isEqualTo(2);
        assertThat(report.broken()).singleElement().asString().contains("cost 2 steps");
    }

    @Test
    void aStepThatOnlyTheDeadRankHadAppliedIsLostOnceAndFedOnce() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        steps(1, 2, 3, 2, "b"); // b applied and recorded it
        inject(Kind.KILL, "b");
        event("a", JournalEvent.DROPPED, 1, 2);
        form(2, "a");
        steps(2, 2, 6, "a");
        done("a");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isEqualTo(1);
    }

    @Test
    void aRankThatDiedBeforeItRecordedItsWorldCountsAsAMember() {
        form(1, "a", "b", "c");
        steps(1, 0, 2, "a", "b", "c");
        form(2, "a", "b"); // and c
        clock += SECOND / 10;
        inject(Kind.KILL, "c");
        event("a", JournalEvent.DROPPED, 2, 2);
        event("b", JournalEvent.DROPPED, 2, 2);
        form(3, "a", "b");
        steps(3, 2, 6, "a", "b");
        done("a", "b");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isEqualTo(1);
    }

    @Test
    void aStepLostWithNoticeBreaksAPromise() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        inject(Kind.NOTICE, "b");
        event("a", JournalEvent.DROPPED, 1, 2);
        event("b", JournalEvent.LEFT, 1, 2);
        form(2, "a");
        steps(2, 2, 6, "a");
        done("a");

        StormReport report = judge(6);

        assertThat(report.stepsLostWithNotice()).isEqualTo(1);
        assertThat(report.pauseSeconds()).containsOnlyKeys("notice");
        assertThat(report.broken()).singleElement().asString().contains("step 2 of generation 1");
    }

    @Test
    void findsASampleFedTwiceAndTheOneThatItReplaced() {
        form(1, "a", "b");
        steps(1, 0, 6, "a", "b");
        done("a", "b");
        Journal.Step step = journal("b").steps().get(4);
        List<Long> samples = new ArrayList<>(step.samples());
        samples.set(0, journal("a").steps().get(4).samples().get(0));
        journal("b").steps().set(4, with(step, samples, step.loss()));

        StormReport report = judge(6);

        assertThat(report.samplesNotExactlyOnce()).isEqualTo(2);
        assertThat(report.broken()).singleElement().asString().contains("epoch 1: 2 samples");
    }

    @Test
    void aRankWithoutARecordFedNothingUnlessExplained() {
        form(1, "a", "b");
        steps(1, 0, 6, "a", "b");
        done("a", "b");
        journal("b").steps().remove(4);

        assertThat(judge(6).samplesNotExactlyOnce()).isEqualTo(BATCH / 2);
    }

    @Test
    void findsAStepThatNoRankMade() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        steps(1, 3, 6, "a", "b");
        done("a", "b");

        assertThat(judge(6).broken()).anyMatch(text -> text.contains("applied step 2"));
    }

    @Test
    void findsTwoWorldsThatTrainAtOnce() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        form(2, "a");
        steps(2, 2, 3, "a");
        steps(1, 3, 6, 2, "b");
        done("a", "b");

        assertThat(judge(6).broken()).anyMatch(text -> text.contains("two worlds trained at once"));
    }

    @Test
    void anotherLossOrOtherWeightsBreakBitwiseButNotFast() {
        form(1, "a", "b");
        steps(1, 0, 6, "a", "b");
        done("a", "b");
        for (String pod : List.of("a", "b")) {
            Journal.Step step = journal(pod).steps().get(5);
            journal(pod).steps().set(5, with(step, step.samples(), Math.nextUp(step.loss())));
        }

        StormReport bitwise = judge(6, Reproducibility.Bitwise, Optional.of(new StormJudge.Weights(false, 1e-7)));
        assertThat(bitwise.lossEqual()).isFalse();
        assertThat(bitwise.broken())
                .hasSize(2)
                .anyMatch(text -> text.startsWith("the loss of step 5 is"))
                .anyMatch(text -> text.startsWith("the weights are not those"));

        StormReport fast = judge(6, Reproducibility.Fast, Optional.of(new StormJudge.Weights(false, 1e-7)));
        assertThat(fast.broken()).isEmpty();
        assertThat(fast.lossEqual()).isFalse();
        assertThat(fast.weightsEqual()).isFalse();
    }

    @Test
    void findsSurvivorsThatDieOrRestart() {
        form(1, "a", "b", "c");
        steps(1, 0, 3, "a", "b", "c");
        inject(Kind.KILL, "b");
        form(2, "a"); // c is gone too, although no fault hit it
        steps(2, 3, 6, "a");
        journal("a").events().add(new Journal.Event(JournalEvent.FORMED, clock, 2, 6, 4711, ""));
        done("a");

        StormReport report = judge(6);

        assertThat(report.survivorsKeptProcess()).isFalse();
        assertThat(report.broken())
                .anyMatch(text -> text.startsWith("c ended in the middle"))
                .anyMatch(text -> text.equals("a was 2 processes"));
    }

    @Test
    void countsJoinsAndReleasesAsResizesAndAHangAsAHang() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        form(2, "a", "b", "c");
        steps(2, 2, 6, "a", "b", "c");
        inject(Kind.HANG, "c");
        clock += 5 * SECOND;
        form(3, "a", "b");
        steps(3, 6, 12, "a", "b");
        done("a", "b");

        StormReport report = judge(12);

        assertThat(report.broken()).isEmpty();
        assertThat(report.hangs()).isEqualTo(1);
        assertThat(report.pauseSeconds()).containsOnlyKeys("hang", "resize");
        assertThat(pause(report, "hang").p50()).isCloseTo(5, within(1e-6));
        assertThat(pause(report, "resize").max()).isZero();
    }

    @Test
    void resumesFromTheCheckpointIfNoTrainerSurvives() {
        form(1, "a", "b");
        steps(1, 0, 5, "a", "b");
        inject(Kind.KILL_ALL, "a", "b");
        clock += 8 * SECOND;
        form(2, "c", "d");
        steps(2, 3, 8, "c", "d");
        done("c", "d");

        StormReport report = judge(8);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isEqualTo(2);
        assertThat(report.pauseSeconds()).containsOnlyKeys("restart");
    }

    @Test
    void trainingMustContinueWhileTheApiServerIsDown() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        long at = clock;
        steps(1, 2, 4, "a", "b");
        faults.add(new InjectedFault(Kind.API_AWAY, "the API server was away", at - 1, 2, List.of(), 0, clock + 1));
        steps(1, 4, 6, "a", "b");
        done("a", "b");
        assertThat(judge(6).stepsWithoutApi()).isEqualTo(2);

        faults.set(
                0,
                new InjectedFault(
                        Kind.API_AWAY, "the API server was away", clock + SECOND, 6, List.of(), 0, clock + 2 * SECOND));
        assertThat(judge(6).broken()).containsExactly("no step was made while the API server was away");
    }

    @Test
    void reportsFaultsThatFoundNoRoom() {
        form(1, "a");
        steps(1, 0, 6, "a");
        done("a");
        StormReport report = StormJudge.judge(
                journals,
                new Storm.StormOutcome(faults, List.of("no room for the kill"), Map.of(), 6),
                Optional.empty(),
                expected(6, Reproducibility.Bitwise));
        assertThat(report.broken()).containsExactly("no room for the kill");
        assertThat(report.weightsEqual()).isNull();
    }

    @Test
    void damagedBytesMayCostTheStepInFlightInTheSameWorld() {
        damageAtStep2();
        event("a", JournalEvent.DROPPED, 1, 2);
        event("b", JournalEvent.DROPPED, 1, 2);
        form(1, "a", "b");
        steps(1, 2, 6, "a", "b");
        done("a", "b");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.otherFaults()).isEqualTo(Map.of("flips", 1));
        assertThat(report.stepsLostWithoutNotice())
                .as("the step was made again")
                .isZero();
    }

    @Test
    void damagedBytesMayCostTheStepInFlightInAnotherWorld() {
        damageAtStep2();
        event("a", JournalEvent.DROPPED, 1, 2);
        form(2, "a", "b");
        steps(2, 2, 6, "a", "b");
        done("a", "b");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isEqualTo(1);
    }

    @Test
    void damagedBytesMayNotCostTwoSteps() {
        damageAtStep2();
        event("a", JournalEvent.DROPPED, 1, 2);
        form(1, "a", "b");
        steps(1, 2, 3, "a", "b");
        event("a", JournalEvent.DROPPED, 1, 3);
        steps(1, 3, 6, "a", "b");
        done("a", "b");

        assertThat(judge(6).broken()).singleElement().asString().contains("FLIP (at step 2) cost 2 steps");
    }

    @Test
    void aStepThatOneRankDropsAndAnotherAppliesIsNotLost() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        faults.add(new InjectedFault(Kind.FLIP, "FLIP", clock + 1, 2, List.of("b"), 0, clock + 1));
        steps(1, 2, 3, 2, "a"); // b found the damage in the last bytes of the step, and a those of the next
        event("b", JournalEvent.DROPPED, 1, 2);
        event("a", JournalEvent.DROPPED, 1, 3);
        clock++;
        form(1, "a", "b");
        steps(1, 3, 6, "a", "b");
        done("a", "b");

        StormReport report = judge(6);

        assertThat(report.broken()).isEmpty();
        assertThat(report.stepsLostWithoutNotice()).isZero();
    }

    @Test
    void damagedBytesThatNobodyNoticesFailTheStorm() {
        damageAtStep2();
        steps(1, 2, 5, "a", "b");
        clock++;
        inject(Kind.KILL, "b"); // what it drops is not a trace of the damage
        event("a", JournalEvent.DROPPED, 1, 5);
        form(2, "a");
        steps(2, 5, 6, "a");
        done("a");

        assertThat(judge(6).broken())
                .singleElement()
                .asString()
                .startsWith("not seen: FLIP (at step 2): no trainer dropped a step");
    }

    private void damageAtStep2() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        clock++;
        faults.add(new InjectedFault(Kind.FLIP, "FLIP", clock, 2, List.of("b"), 0, clock));
    }

    @Test
    void podsThatSurviveAFaultMayNotEndBecauseOfIt() {
        damageAtStep2();
        event("a", JournalEvent.DROPPED, 1, 2);
        form(2, "a");
        steps(2, 2, 6, "a");
        done("a");

        assertThat(judge(6).broken()).singleElement().asString().startsWith("b ended in the middle");
    }

    @Test
    void aDelayMustBeLongerThanItsStepNeedsOtherwise() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        faults.add(new InjectedFault(Kind.DELAY, "late", clock + 1, 2, List.of("b"), 0, clock + 2 * SECOND));
        long begin = clock;
        steps(1, 2, 6, "a", "b");
        done("a", "b");
        assertThat(judge(6).broken()).singleElement().asString().startsWith("not seen: late (at step 2)");

        Journal.Step step = journal("a").steps().get(2);
        journal("a")
                .steps()
                .set(2, new Journal.Step(2, 1, 0, 2, begin, begin + 2 * SECOND, step.loss(), step.samples()));
        assertThat(judge(6).broken()).isEmpty();
    }

    @Test
    void aFaultOfATrainersOwnDropsItsStepOnly() {
        form(1, "a", "b");
        steps(1, 0, 3, "a", "b");
        event("a", JournalEvent.DROPPED, 1, 3);
        event("b", JournalEvent.DROPPED, 1, 3);
        form(2, "a", "b");
        steps(2, 3, 6, "a", "b");
        done("a", "b");
        faults.add(new InjectedFault(Kind.NAN, "NaN", clock, 3, List.of(), 0, clock));
        assertThat(judge(6).broken()).isEmpty();
        assertThat(judge(6).stepsLostWithoutNotice()).isEqualTo(1);

        faults.set(0, new InjectedFault(Kind.DRIFT, "drift", clock, 2, List.of("b"), 0, clock));
        assertThat(judge(6).broken())
                .anyMatch(text -> text.equals("not seen: drift (at step 2): no trainer dropped that step"))
                .anyMatch(text -> text.startsWith("step 3 of generation 1 was begun and dropped"));
    }

    @Test
    void anUnwelcomeNewcomerStaysOutside() {
        form(1, "a", "b");
        steps(1, 0, 2, "a", "b");
        inject(Kind.OTHER_DATA, "c");
        inject(Kind.UNREACHABLE, "d");
        form(2, "a", "b", "c");
        steps(2, 2, 6, "a", "b", "c");
        done("a", "b", "c");

        assertThat(judge(6).broken()).containsExactly("c entered the world, although OTHER_DATA");
        assertThat(judge(6).otherFaults())
                .isEqualTo(Map.of("newcomers with other data", 1, "unreachable newcomers", 1));
    }

    private StormReport judge(long steps) {
        return judge(steps, Reproducibility.Bitwise, Optional.of(new StormJudge.Weights(true, 0)));
    }

    private StormReport judge(long steps, Reproducibility mode, Optional<StormJudge.Weights> weights) {
        StormJudgeTest baseline = new StormJudgeTest();
        baseline.form(1, "q");
        baseline.steps(1, 0, steps, "q");
        return StormJudge.judge(
                journals,
                new Storm.StormOutcome(faults, List.of(), Map.of(), clock / 1e6),
                Optional.of(new StormJudge.BaselineRun(baseline.journals, weights)),
                expected(steps, mode));
    }

    private static StormJudge.Expectations expected(long steps, Reproducibility mode) {
        StormJudge.Order order = new StormJudge.Order() {
            @Override
            public long epochOf(long step) {
                return step / EPOCH_STEPS;
            }

            @Override
            public List<Long> samplesOf(long step) {
                return slice(step);
            }
        };
        return new StormJudge.Expectations(steps, 1, mode, order, 2);
    }

    private static List<Long> slice(long step) {
        long first = step % EPOCH_STEPS * BATCH;
        return LongStream.range(first, first + BATCH).boxed().toList();
    }

    private void form(long generation, String... pods) {
        for (String pod : pods) {
            event(pod, JournalEvent.FORMED, generation, 0);
        }
    }

    private void done(String... pods) {
        for (String pod : pods) {
            event(pod, JournalEvent.DONE, 0, 0);
        }
    }

    private void event(String pod, JournalEvent what, long generation, long step) {
        journal(pod).events().add(new Journal.Event(what, clock, generation, step, pod.hashCode(), ""));
    }

    private void steps(long generation, long from, long to, String... pods) {
        steps(generation, from, to, pods.length, pods);
    }

    /** Makes steps of one second each in a world of {@code size}, of which {@code pods} record them. */
    private void steps(long generation, long from, long to, int size, String... pods) {
        for (long step = from; step < to; step++) {
            for (int rank = 0; rank < pods.length; rank++) {
                List<Long> samples = slice(step).subList(rank * BATCH / size, (rank + 1) * BATCH / size);
                journal(pods[rank])
                        .steps()
                        .add(new Journal.Step(
                                step, generation, rank, size, clock, clock + SECOND, 1.0 / (step + 1), samples));
            }
            clock += SECOND;
        }
    }

    private void inject(Kind kind, String... pods) {
        faults.add(new InjectedFault(kind, kind.name(), clock, 0, List.of(pods), 0, clock));
    }

    private static StormReport.Pause pause(StormReport report, String cause) {
        return Optional.ofNullable(report.pauseSeconds().get(cause)).orElseThrow();
    }

    private Journal journal(String pod) {
        return journals.computeIfAbsent(pod, p -> Journal.empty());
    }

    private static Journal.Step with(Journal.Step step, List<Long> samples, double loss) {
        return new Journal.Step(
                step.step(), step.generation(), step.rank(), step.size(), step.start(), step.end(), loss, samples);
    }
}
