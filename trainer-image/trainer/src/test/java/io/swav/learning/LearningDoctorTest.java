package io.swav.learning;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Diagnosis;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The recorded runs are real ones, made by tools/learning/record-runs on small images; see docs/learning.md. */
class LearningDoctorTest {
    /** What the doctor said after each record. */
    private record Course(List<List<LearningFinding>> each, int changes) {
        List<LearningFinding> last() {
            return each.get(each.size() - 1);
        }

        Set<Diagnosis> ever() {
            return each.stream()
                    .flatMap(List::stream)
                    .map(LearningFinding::what)
                    .collect(Collectors.toCollection(() -> EnumSet.noneOf(Diagnosis.class)));
        }
    }

    private static List<HistoryRecord> records(String run) {
        try (InputStream in = LearningDoctorTest.class.getResourceAsStream("/learning/" + run + ".jsonl")) {
            LearningHistory.Parsed parsed = LearningHistory.parse(in.readAllBytes());
            assertThat(parsed.unreadable()).isZero();
            return parsed.records();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LearningContext job(int prototypes, double rate, double epsilon, long frozen, long steps) {
        return new LearningContext(prototypes, 128, 256, frozen, steps / 20, steps, rate, epsilon, .1, 1);
    }

    private static Course follow(LearningContext job, List<HistoryRecord> records) {
        List<List<LearningFinding>> each = new ArrayList<>();
        Set<Diagnosis> now = EnumSet.noneOf(Diagnosis.class);
        int changes = 0;
        for (int i = 1; i <= records.size(); i++) {
            Optional<List<LearningFinding>> found = LearningDoctor.examine(job, records.subList(0, i), now);
            Set<Diagnosis> next = found.orElse(List.of()).stream()
                    .map(LearningFinding::what)
                    .collect(Collectors.toCollection(() -> EnumSet.noneOf(Diagnosis.class)));
            Set<Diagnosis> other = new HashSet<>(now);
            other.removeAll(next);
            Set<Diagnosis> begun = new HashSet<>(next);
            begun.removeAll(now);
            changes += other.size() + begun.size();
            now = next;
            found.ifPresent(each::add);
        }
        return new Course(each, changes);
    }

    @ParameterizedTest
    @CsvSource({
        "rate, 100, 300, .05, 30, 372, Diverging, training.optimizer.learningRate to 30.0",
        "constant, 100, 3, .05, 30, 120, Collapsed, If the images differ",
        "prototypes, 2560, 3, .05, 30, 186, TooManyPrototypes, model.prototypes to 256",
        "frozen, 100, 3, .05, 400, 372, FrozenTooLong, training.prototypesFrozenSteps to 18"
    })
    void plantedFailuresEndInTheirAdvice(
            String run,
            int prototypes,
            double rate,
            double epsilon,
            long frozen,
            long steps,
            Diagnosis what,
            String advice) {
        Course course = follow(job(prototypes, rate, epsilon, frozen, steps), records(run));
        assertThat(course.last()).extracting(LearningFinding::what).containsExactly(what);
        assertThat(course.last().get(0).why()).contains(advice).doesNotContain("NaN");
        assertThat(course.changes()).as("no flapping").isLessThanOrEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"quickstart, 3, .05, 1860", "cifar, .6, .05, 624", "epsilon, 3, .001, 372"})
    void runsThatLearnNeverHaveAny(String run, double rate, double epsilon, long steps) {
        assertThat(follow(job(100, rate, epsilon, 30, steps), records(run)).ever())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"quickstart", "rate"})
    void anAdviceEndsWhenItsFigureIsClearlyBetter(String run) {
        List<HistoryRecord> records = records(run);
        LearningContext job = job(100, 3, .05, 30, 1860);
        List<HistoryRecord> starved = changed(records, .6);
        assertThat(whats(LearningDoctor.examine(job, starved, Set.of()))).contains(Diagnosis.StarvedByData);
        List<HistoryRecord> between = changed(records, .4);
        assertThat(whats(LearningDoctor.examine(job, between, Set.of()))).doesNotContain(Diagnosis.StarvedByData);
        assertThat(whats(LearningDoctor.examine(job, between, Set.of(Diagnosis.StarvedByData))))
                .contains(Diagnosis.StarvedByData);
        assertThat(whats(LearningDoctor.examine(job, changed(records, .2), Set.of(Diagnosis.StarvedByData))))
                .doesNotContain(Diagnosis.StarvedByData);
    }

    @Test
    void knowsNothingBeforeItsWindowIsFullAndForUnknownFigures() {
        LearningContext job = job(100, 3, .05, 30, 1860);
        List<HistoryRecord> few = records("quickstart").subList(0, LearningDoctor.WINDOW - 1);
        assertThat(LearningDoctor.examine(job, few, Set.of())).isEmpty();
        List<HistoryRecord> unknown = map(
                records("quickstart"),
                one -> new HistoryRecord(
                        one.step(),
                        one.epoch(),
                        one.loss(),
                        one.learningRate(),
                        one.frozen(),
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        one.world(),
                        one.time()));
        assertThat(LearningDoctor.examine(job, unknown, Set.of())).hasValue(List.of());
    }

    private static List<HistoryRecord> changed(List<HistoryRecord> records, double wait) {
        return map(
                records,
                one -> new HistoryRecord(
                        one.step(),
                        one.epoch(),
                        one.loss(),
                        one.learningRate(),
                        one.frozen(),
                        one.embeddingSpread(),
                        one.predictionPerplexity(),
                        one.predictionEntropy(),
                        one.deadPrototypes(),
                        one.featureRank(),
                        one.gradientNorm(),
                        one.imagesPerSecond(),
                        wait,
                        one.knnTop1(),
                        one.world(),
                        one.time()));
    }

    private static List<HistoryRecord> map(List<HistoryRecord> records, UnaryOperator<HistoryRecord> change) {
        return records.stream().map(change).toList();
    }

    private static Set<Diagnosis> whats(Optional<List<LearningFinding>> findings) {
        return findings.orElseThrow().stream().map(LearningFinding::what).collect(Collectors.toSet());
    }
}
