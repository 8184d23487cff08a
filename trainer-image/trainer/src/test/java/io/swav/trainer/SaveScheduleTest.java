package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.LiveSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.Test;

class SaveScheduleTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void savesEveryNthStep() {
        SaveSchedule schedule = new SaveSchedule(Trainers.settings(25), 0);
        assertThat(taken(schedule, 0, 100, step -> true)).containsExactly(25L, 50L, 75L, 100L);
    }

    @Test
    void savesOnceAfterAllThatFellDueWhileTheWriterWasBusy() {
        SaveSchedule schedule = new SaveSchedule(Trainers.settings(25), 0);
        assertThat(taken(schedule, 0, 120, step -> step > 57)).containsExactly(58L, 75L, 100L);
    }

    @Test
    void newRankZeroSavesWhatThePreviousOneLeftUndone() {
        // 50 fell due and its writer died before saving it: the store has 25
        assertThat(new SaveSchedule(Trainers.settings(25), 0).due(61, 25, 0, ""))
                .isTrue();
        // the writer had committed 50
        assertThat(new SaveSchedule(Trainers.settings(25), 0).due(61, 50, 0, ""))
                .isFalse();
    }

    @Test
    void savesByTimeInAdditionToSteps() {
        SaveSchedule schedule = new SaveSchedule(new LiveSettings(100, 1000, 10, 3, 15), 0);
        assertThat(schedule.due(5, 0, 9 * SECOND, "")).isFalse();
        assertThat(schedule.due(5, 0, 10 * SECOND, "")).isTrue();
        schedule.taken(5, 10 * SECOND, "");
        assertThat(schedule.due(5, 5, 30 * SECOND, "")).as("nothing new since").isFalse();
        assertThat(schedule.due(6, 5, 20 * SECOND, "")).isTrue();
    }

    @Test
    void followsAChangeFromTheNextStepOn() {
        SaveSchedule schedule = new SaveSchedule(Trainers.settings(50), 0);
        assertThat(taken(schedule, 0, 60, step -> true)).containsExactly(50L);
        schedule.follow(Trainers.settings(8));
        assertThat(taken(schedule, 60, 80, step -> true)).as("56 fell due").containsExactly(61L, 64L, 72L, 80L);
        schedule.follow(new LiveSettings(100, 1000, 5, 3, 15));
        assertThat(schedule.due(81, 80, 6 * SECOND, "")).isTrue();
    }

    @Test
    void answersEachRequestOnce() {
        SaveSchedule schedule = new SaveSchedule(Trainers.settings(1000), 0);
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
