package io.swav.operatorbench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BenchPlanTest {
    private static final Map<JobKind, Integer> SAME =
            Map.of(JobKind.SUSPENDED, 1, JobKind.PENDING, 1, JobKind.RUNNING, 1, JobKind.ENDED, 1);

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 100, 9999})
    void everyJobHasOneKind(int jobs) {
        Map<JobKind, Integer> counts = BenchPlan.divide(jobs, SAME);
        assertThat(counts.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(jobs);
        assertThat(counts.values()).allMatch(count -> Math.abs(count - jobs / 4) <= 1);
    }

    @Test
    void sharesDivideTheJobs() {
        assertThat(BenchPlan.divide(10, Map.of(JobKind.RUNNING, 1, JobKind.ENDED, 4)))
                .isEqualTo(Map.of(JobKind.RUNNING, 2, JobKind.ENDED, 8));
    }

    @Test
    void sharesThatDivideNothingAreRejected() {
        for (Map<JobKind, Integer> mix : List.of(
                Map.of(JobKind.RUNNING, 0), Map.of(JobKind.RUNNING, -1, JobKind.ENDED, 2), Map.of(JobKind.PROBE, 1))) {
            assertThatThrownBy(() -> BenchPlan.divide(10, mix))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("--mix");
        }
    }

    @Test
    void quantilesAreMeasuredDurations() {
        assertThat(Latency.of(List.of())).isEqualTo(new Latency(0, 0, 0, 0));
        assertThat(Latency.of(List.of(3.0, 1.0, 2.0))).isEqualTo(new Latency(3, 2, 3, 3));
        assertThat(Latency.of(
                        IntStream.rangeClosed(1, 200).mapToObj(Double::valueOf).toList()))
                .isEqualTo(new Latency(200, 100, 198, 200));
    }

    @Test
    void processorTimeIsReadWhateverACommandIsCalled() {
        assertThat(ProcessUsage.cpuSeconds("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 9"))
                .isEqualTo(3.0);
        assertThat(ProcessUsage.cpuSeconds(ProcessHandle.current().pid())).isPositive();
        assertThat(ProcessUsage.residentBytes(ProcessHandle.current().pid())).isGreaterThan(10_000_000);
    }
}
