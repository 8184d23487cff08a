package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.Test;

class SaveScheduleTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void savesEveryNthStep() {
        SaveSchedule schedule = new SaveSchedule(25, Optional.empty(), 0);
        assertThat(taken(schedule, 0, 100, step -> true)).containsExactly(25L, 50L, 75L, 100L);
    }

    @Test
    void savesOnceAfterAllThatFellDueWhileTheWriterWasBusy() {
        SaveSchedule schedule = new SaveSchedule(25, Optional.empty(), 0);
        assertThat(taken(schedule, 0, 120, step -> step > 57)).containsExactly(58L, 75L, 100L);
    }

    @Test
    void newRankZeroSavesWhatThePreviousOneLeftUndone() {
        // 50 fell due and its writer died before saving it: the store has 25
        assertThat(new SaveSchedule(25, Optional.empty(), 0).due(61, 25, 0, "")).isTrue();
        // the writer had committed 50
        assertThat(new SaveSchedule(25, Optional.empty(), 0).due(61, 50, 0, "")).isFalse();
    }

    @Test
    void savesByTimeInAdditionToSteps() {
        SaveSchedule schedule = new SaveSchedule(1000, Optional.of(Duration.ofSeconds(10)), 0);
        assertThat(schedule.due(5, 0, 9 * SECOND, "")).isFalse();
        assertThat(schedule.due(5, 0, 10 * SECOND, "")).isTrue();
        schedule.taken(5, 10 * SECOND, "");
        assertThat(schedule.due(5, 5, 30 * SECOND, "")).as("nothing new since").isFalse();
        assertThat(schedule.due(6, 5, 20 * SECOND, "")).isTrue();
    }

    @Test
    void answersEachRequestOnce() {
        SaveSchedule schedule = new SaveSchedule(1000, Optional.empty(), 0);
        assertThat(schedule.due(5, 0, 0, "now")).isTrue();
        schedule.taken(5, 0, "now");
        assertThat(schedule.due(6, 5, 0, "now")).isFalse();
        assertThat(schedule.due(6, 5, 0, "again")).isTrue();
    }

    private static List<Long> taken(SaveSchedule schedule, long from, long to, LongPredicate writerIsFree) {
        List<Long> taken = new ArrayList<>();
        for (long step = from + 1; step <= to; step++) {
            if (writerIsFree.test(step) && schedule.due(step, 0, 0, "")) {
                schedule.taken(step, 0, "");
                taken.add(step);
            }
        }
        return taken;
    }
}
