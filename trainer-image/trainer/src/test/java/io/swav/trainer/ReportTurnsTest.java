package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.TrainerReport;
import io.swav.trainer.ReportTurns.Place;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReportTurnsTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int SEED = 11;
    private static final String HEARD = "\"state\": \"Training\", \"generation\": 3, \"heardAll\": true";

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 7, 50, 100, 101, 1000})
    void aWorldThatMakesStepsReportsOnceOrTwiceASecondWhateverItsSize(int size) {
        Duration time = Duration.ofSeconds(Math.max(100, 2L * size));
        List<Double> all = reportTimes(size, time, rank -> true);
        assertThat(all.size() / (double) time.toSeconds()).isBetween(0.9, 1.6);
        assertThat(longestGap(all)).isLessThan(3);
    }

    /** Members are silent after four seconds without a report. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 7, 50, 100, 101, 1000})
    void noSingleMembersReportsAreNeeded(int size) {
        Duration time = Duration.ofSeconds(Math.max(100, 2L * size));
        for (int cutOff : new int[] {0, 1, size - 1}) {
            assertThat(longestGap(reportTimes(size, time, rank -> rank != cutOff)))
                    .as("without rank %d, seed %d", cutOff, SEED)
                    .isLessThan(4);
        }
    }

    @Test
    void everyMemberReportsInEveryRound() {
        Place place = new Place(40, 100);
        ReportTurns turns = accepted(report(HEARD), place, 0);
        assertThat(turns.isDue(report(HEARD), place, seconds(99))).isTrue();
    }

    @Test
    void whatIsKnownOfThisTrainerAloneIsReportedAtOnce() {
        Place place = new Place(40, 100);
        ReportTurns turns = accepted(report(HEARD), place, 0);
        assertThat(turns.isDue(report(HEARD), place, seconds(1))).isFalse();
        assertThat(turns.isDue(
                        report(HEARD + ", \"step\": 9, \"loss\": 5.5, \"imagesPerSecond\": 1, \"skippedSamples\": 3"
                                + ", \"regroup\": null, \"stalledSeconds\": 1.5, \"awaitingPeers\": true"),
                        place,
                        seconds(1)))
                .as("what rank 0 reports, or what changes with each step")
                .isFalse();
        for (String change : new String[] {
            "\"state\": \"Leaving\"",
            "\"generation\": 4",
            "\"message\": \"forming generation 4\"",
            "\"lostPeer\": \"uid-3\"",
            "\"worldProblem\": \"it is no JSON\"",
            "\"regroup\": {\"generation\": 3, \"keptSteps\": 1}",
            "\"reach\": {\"generation\": 3, \"failures\": [], \"newcomers\": [\"uid-7\"]}",
            "\"notFinite\": {\"generation\": 3, \"number\": 1, \"step\": 2, \"pod\": \"job-0\", \"what\": \"\"}",
            "\"diverged\": {\"step\": 3, \"pods\": [], \"source\": \"job-0\", \"why\": \"\", \"number\": 1}",
            "\"heardAll\": false"
        }) {
            assertThat(turns.isDue(report(HEARD + ", " + change), place, seconds(1)))
                    .as(change)
                    .isTrue();
        }
    }

    /** A verdict on a newcomer needs to know for how long it was not reached. */
    @Test
    void aCallThatKeepsFailingIsReportedEveryTenSeconds() {
        Place place = new Place(40, 100);
        ReportTurns turns = accepted(report(HEARD + failing(1)), place, 0);
        assertThat(turns.isDue(report(HEARD + failing(9.9)), place, seconds(1))).isFalse();
        assertThat(turns.isDue(report(HEARD + failing(10.1)), place, seconds(1)))
                .isTrue();
    }

    @Test
    void aTrainerForWhichNoOtherReportsDoesSoEveryTwoSecondsOrAsOftenAsItAnnounces() {
        assertThat(ReportTurns.nextWithin(1)).isNull();
        assertThat(ReportTurns.nextWithin(100)).isNull();
        assertThat(ReportTurns.nextWithin(1000)).isEqualTo(20);
        for (int trainers : new int[] {1, 100, 1000}) {
            Place place = new Place(-1, trainers);
            String ready = "\"state\": \"Ready\"";
            ReportTurns turns = accepted(report(ready), place, 0);
            long every = trainers == 1000 ? 20 : 2;
            assertThat(turns.isDue(report(ready), place, seconds(every) - 1)).isFalse();
            assertThat(turns.isDue(report(ready), place, seconds(every))).isTrue();
        }
    }

    /** An operator of an earlier version hears a trainer by its own reports alone. */
    @Test
    void withoutRulesATrainerReportsEveryTwoSecondsWhoeverElseDoes() {
        ReportTurns turns = accepted(report(HEARD), Place.ALONE, 0);
        assertThat(turns.isDue(report(HEARD), Place.ALONE, seconds(2))).isTrue();
    }

    private static String failing(double seconds) {
        return ", \"reach\": {\"generation\": 0, \"failures\": [{\"uid\": \"uid-7\", \"why\": \"no route\", \"seconds\": "
                + seconds + "}], \"newcomers\": []}";
    }

    /** Returns the times of the reports of members that look once a second, at a time of its own each. */
    private static List<Double> reportTimes(int size, Duration time, IntPredicate delivers) {
        Random random = new Random(SEED);
        List<ReportTurns> all = new ArrayList<>();
        List<Long> phases = new ArrayList<>();
        IntStream.range(0, size).forEach(rank -> {
            phases.add((long) (random.nextDouble() * 1e9));
            all.add(accepted(report(HEARD), new Place(rank, size), phases.get(rank)));
        });
        List<Double> times = new ArrayList<>();
        for (int second = 1; second <= time.toSeconds(); second++) {
            for (int rank = 0; rank < size; rank++) {
                long now = seconds(second) + phases.get(rank);
                if (delivers.test(rank) && all.get(rank).isDue(report(HEARD), new Place(rank, size), now)) {
                    all.get(rank).accepted(report(HEARD), now);
                    times.add(now / 1e9);
                }
            }
        }
        return times.stream().sorted().toList();
    }

    private static double longestGap(List<Double> times) {
        return IntStream.range(1, times.size())
                .mapToDouble(i -> times.get(i) - times.get(i - 1))
                .max()
                .orElseThrow();
    }

    private static ReportTurns accepted(TrainerReport report, Place place, long at) {
        ReportTurns turns = new ReportTurns();
        assertThat(turns.isDue(report, place, at)).isTrue();
        turns.accepted(report, at);
        return turns;
    }

    private static long seconds(long seconds) {
        return Duration.ofSeconds(seconds).toNanos();
    }

    private static final TrainerReport HEARD_REPORT = parse(HEARD);

    private static TrainerReport report(String fields) {
        return fields.equals(HEARD) ? HEARD_REPORT : parse(fields);
    }

    /** Reads fields, of which the last of a name counts. */
    private static TrainerReport parse(String fields) {
        try {
            return JSON.readValue(
                    "{\"pod\": \"p\", \"uid\": \"u\", \"time\": \"t\", " + fields + "}", TrainerReport.class);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(fields, e);
        }
    }
}
