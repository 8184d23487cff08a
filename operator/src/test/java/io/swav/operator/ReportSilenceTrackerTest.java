package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerReport;
import io.swav.planner.LivenessSignals;
import java.time.Duration;
import java.util.List;
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
