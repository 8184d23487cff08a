package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.PodReport;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class HearingTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");
    private final Hearing hearing = new Hearing();

    @Test
    void silenceCountsFromTheLastNewReportByTheOperatorsClock() {
        assertThat(silence(0, "a clock far behind")).isZero();
        assertThat(silence(3, "a clock far behind")).isEqualTo(Duration.ofSeconds(3));
        assertThat(silence(5, "another time")).isZero();
    }

    @Test
    void whileTheApiServerWasAwayNobodyWasSilent() {
        silence(0, "1");
        hearing.answered(T0.plusSeconds(5));
        assertThat(silence(5, "1")).as("it was there all the time").isEqualTo(Duration.ofSeconds(5));
        hearing.silenced();
        hearing.silenced();
        hearing.answered(T0.plusSeconds(60));
        hearing.answered(T0.plusSeconds(61));
        assertThat(silence(62, "1")).isEqualTo(Duration.ofSeconds(2));
    }

    @Test
    void aForgottenJobIsHeardAnew() {
        silence(0, "1");
        hearing.forget("job-uid");
        assertThat(silence(9, "1")).isZero();
    }

    private Duration silence(long seconds, String time) {
        PodReport report = Jobs.report("{pod: job-0, uid: uid, state: Training, time: \"%s\"}".formatted(time));
        return hearing.listen("job-uid", List.of(report), T0.plusSeconds(seconds))
                .getOrDefault("uid", Duration.ofDays(-1));
    }
}
