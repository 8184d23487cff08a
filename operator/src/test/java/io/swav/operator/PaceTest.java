package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PaceTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration EACH = Duration.ofSeconds(2);

    /** Lets jobs take a turn, and the next one two seconds after that at the earliest. Returns turns by job in a minute. */
    private static Map<Integer, Integer> turns(int jobs) {
        Pace pace = new Pace(Duration.ofMillis(20));
        Map<Integer, Instant> due = new HashMap<>();
        Map<Integer, Integer> turns = new HashMap<>();
        for (Instant now = START; now.isBefore(START.plusSeconds(60)); now = now.plusMillis(10)) {
            for (int job = 0; job < jobs; job++) {
                if (!now.isBefore(due.getOrDefault(job, START))) {
                    due.put(job, pace.turn(now.plus(EACH)));
                    turns.merge(job, 1, Integer::sum);
                }
            }
        }
        return turns;
    }

    @Test
    void fewJobsHaveAllTheirTurns() {
        assertThat(turns(50).values()).allSatisfy(count -> assertThat(count).isBetween(29, 31));
    }

    @Test
    void manyJobsShareFiftyTurnsASecondEvenly() {
        Map<Integer, Integer> turns = turns(1000);
        assertThat(turns).hasSize(1000);
        assertThat(turns.values()).allSatisfy(count -> assertThat(count).isBetween(3, 4));
        assertThat(turns.values().stream().mapToInt(Integer::intValue).sum() - 1000)
                .as("turns in 58 s, after the first of each job")
                .isBetween(2800, 3000);
    }
}
