package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.planner.LivenessSignals;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReportSilenceTrackerTest {
    private long seconds;
    private final ReportSilenceTracker tracker =
            new ReportSilenceTracker(() -> Duration.ofSeconds(seconds).toNanos());
    private Set<String> putOut = Set.of();

    @Test
    void silenceCountsFromTheLastNewReportByTheOperatorsClock() {
        assertThat(silence(0, "a clock far behind")).isZero();
        assertThat(silence(3, "a clock far behind")).isEqualTo(Duration.ofSeconds(3));
        assertThat(silence(5, "another time")).isZero();
    }

    @Test
    void anOutageOfTheApiServerDoesNotCountAsSilence() {
        silence(0, "1");
        answered(5);
        assertThat(silence(5, "1"))
                .as("the API server was available all the time")
                .isEqualTo(Duration.ofSeconds(5));
        tracker.apiServerLost();
        tracker.apiServerLost();
        answered(60);
        answered(61);
        assertThat(silence(62, "1")).isEqualTo(Duration.ofSeconds(2));
    }

    @Test
    void timeInWhichATrainerCouldNotReportDoesNotCountAsSilence() {
        silence(0, "1");
        assertThat(tracker.reportsPossible("job-uid")).isFalse();
        assertThat(silence(5, "1")).isEqualTo(Duration.ofSeconds(5));
        tracker.reportsBlocked("job-uid");
        silence(300, "1");
        assertThat(tracker.reportsPossible("job-uid")).isTrue();
        assertThat(tracker.reportsPossible("job-uid")).isFalse();
        assertThat(silence(302, "1")).isEqualTo(Duration.ofSeconds(2));
    }

    /** The watch may stand still while the API server itself is asked. */
    @Test
    void aReportThatWasReadBeforeIsNotNew() {
        silence(0, "t1");
        assertThat(silence(5, "t2")).isZero();
        assertThat(silence(6, "t1")).isEqualTo(Duration.ofSeconds(1));
        assertThat(silence(7, "t2")).isEqualTo(Duration.ofSeconds(2));
        for (long t = 3; t < 50; t++) {
            assertThat(silence(10 * t, "t" + t)).isZero();
            assertThat(silence(10 * t + 1, "t1")).isEqualTo(Duration.ofSeconds(1));
        }
        assertThat(silence(500, "t0")).as("its clock was set back").isZero();
    }

    @Test
    void aTrainerPutOutStaysSilentUntilItReportsAgain() {
        putOut = Set.of("uid");
        assertThat(silence(0, "t1")).as("after a start of the operator").isGreaterThan(LivenessSignals.SILENCE_LIMIT);
        tracker.apiServerLost();
        answered(60);
        assertThat(silence(60, "t1")).as("after an outage").isGreaterThan(LivenessSignals.SILENCE_LIMIT);
        assertThat(silence(61, "t2")).isZero();
    }

    @Test
    void aReportThatHasHeardAllIsASignOfLifeOfEveryMemberOfItsGeneration() {
        assertThat(silence(0, heard("a", 3, 0), own("b", 3), own("c", 2), own("d", 0)))
                .containsValues(Duration.ZERO);
        Map<String, Duration> later = silence(60, heard("a", 3, 60), own("b", 3), own("c", 2), own("d", 0));
        assertThat(later)
                .containsEntry("a", Duration.ZERO)
                .containsEntry("b", Duration.ZERO)
                .as("members of another generation, and of none, speak for themselves")
                .containsEntry("c", Duration.ofSeconds(60))
                .containsEntry("d", Duration.ofSeconds(60));
    }

    @Test
    void aMemberIsSilentAgainFromTheLastReportThatHadHeardIt() {
        silence(0, heard("a", 3, 0), own("b", 3));
        silence(60, heard("a", 3, 60), own("b", 3));
        assertThat(silence(62, lost("a", 3, 62), own("b", 3)))
                .as("its peer has lost it two seconds later")
                .containsEntry("b", Duration.ofSeconds(2));
        assertThat(silence(65, lost("a", 3, 64), own("b", 3))).containsEntry("b", Duration.ofSeconds(5));
        assertThat(silence(66, heard("a", 3, 60), own("b", 3)))
                .as("a cache that is behind has the report of before")
                .containsEntry("b", Duration.ofSeconds(6));
        assertThat(silence(70, heard("a", 4, 70), own("b", 3)))
                .as("the next world is without it")
                .containsEntry("b", Duration.ofSeconds(10));
    }

    @Test
    void aTrainerPutOutIsHeardByItsOwnReportsAlone() {
        putOut = Set.of("b");
        silence(0, heard("a", 3, 0), own("b", 3));
        assertThat(silence(5, heard("a", 3, 5), own("b", 3)).get("b")).isGreaterThan(LivenessSignals.SILENCE_LIMIT);
        assertThat(silence(6, heard("a", 3, 6), heard("b", 3, 6))).containsEntry("b", Duration.ZERO);
    }

    private static TrainerReport heard(String pod, long generation, long at) {
        return report(pod, generation, true, at);
    }

    private static TrainerReport lost(String pod, long generation, long at) {
        return report(pod, generation, false, at);
    }

    /** The only report of a member for which others report. */
    private static TrainerReport own(String pod, long generation) {
        return report(pod, generation, true, -1);
    }

    private static TrainerReport report(String pod, long generation, boolean heardAll, long at) {
        return Jobs.report(
                "{pod: %1$s, uid: %1$s, state: Training, generation: %2$d, heardAll: %3$b, time: \"%1$s%4$d\"}"
                        .formatted(pod, generation, heardAll, at));
    }

    private Map<String, Duration> silence(long at, TrainerReport... reports) {
        seconds = at;
        return tracker.update("job-uid", List.of(reports), Set.of("a", "b", "c", "d"), putOut);
    }

    @Test
    void aForgottenJobStartsAfresh() {
        silence(0, "1");
        tracker.forget("job-uid");
        assertThat(silence(9, "1")).isZero();
    }

    private void answered(long at) {
        seconds = at;
        tracker.apiServerBack();
    }

    private Duration silence(long at, String time) {
        seconds = at;
        TrainerReport report = Jobs.report("{pod: job-0, uid: uid, state: Training, time: \"%s\"}".formatted(time));
        return tracker.update("job-uid", List.of(report), Set.of(report.uid()), putOut)
                .getOrDefault("uid", Duration.ofDays(-1));
    }
}
