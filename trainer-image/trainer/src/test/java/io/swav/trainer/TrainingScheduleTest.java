package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.DataLedger;
import io.swav.membership.Course;
import org.junit.jupiter.api.Test;

/** Tests what growing data does to the length of a training and to its learning rate; the job has 100 epochs, a batch is 64. */
class TrainingScheduleTest {
    private static final DataLedger FIVE_STEPS = DataLedger.of(5 * 64 + 3, "a");

    private static TrainingSchedule schedule(DataLedger data) {
        TrainingSchedule schedule = new TrainingSchedule(Trainers.loaded(10_000), FIVE_STEPS);
        schedule.follow(new Course(schedule.first().epochs(), data));
        return schedule;
    }

    @Test
    void epochsThatAreLongerMakeTheJobLonger() {
        TrainingSchedule grown = schedule(FIVE_STEPS.grown(new DataLedger.Entry(20, 8 * 64, "b")));
        assertThat(grown.steps()).isEqualTo(20 * 5 + 80 * 8);
        assertThat(grown.epochAt(99)).isEqualTo(19);
        assertThat(grown.epochAt(100)).isEqualTo(20);
        assertThat(grown.beginsEpoch(100)).isTrue();
        assertThat(grown.beginsEpoch(107)).isFalse();
        assertThat(grown.beginsEpoch(108)).isTrue();
    }

    /** Half an epoch later the rate is that of half an epoch later, in a job that grows as in one that does not. */
    @Test
    void theLearningRateFollowsTheEpochs() {
        TrainingSchedule before = schedule(FIVE_STEPS);
        TrainingSchedule after = new TrainingSchedule(Trainers.loaded(10_000), DataLedger.of(8 * 64, "c"));
        TrainingSchedule grown = schedule(FIVE_STEPS.grown(new DataLedger.Entry(20, 8 * 64, "b")));
        for (long step = 0; step < grown.steps(); step++) {
            double expected = step < 100 ? before.rateAt(step) : after.rateAt(20 * 8 + step - 100);
            assertThat(grown.rateAt(step)).as("step %d", step).isEqualTo(expected);
        }
        assertThat(grown.rateAt(100)).isBetween(grown.rateAt(99) * 0.98, grown.rateAt(99));
    }
}
