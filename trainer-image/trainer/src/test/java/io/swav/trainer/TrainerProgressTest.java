package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.DataInventory;
import io.swav.api.TrainerReport.State;
import io.swav.model.StepResult;
import org.junit.jupiter.api.Test;

class TrainerProgressTest {
    @Test
    void reportsWhatItFoundAtTheDataUntilItIsInAWorld() {
        TrainerProgress progress = new TrainerProgress("pod", "uid");
        DataInventory data = new DataInventory(30L, 20L, 3, 0L, null);
        progress.data(data);
        assertThat(progress.report().data()).isEqualTo(data);
        progress.state(State.Training, 1, null);
        assertThat(progress.report().data())
                .as("only rank 0 repeats it")
                .isEqualTo(progress.place().rank() == 0 ? data : null);
    }

    @Test
    void jobThatEndsBeforeItsFirstReportHasARate() throws Exception {
        TrainerProgress progress = new TrainerProgress("pod", "uid");
        progress.job(32, 1, Trainers.schedule(3));
        progress.state(State.Training, 1, null);
        progress.step(1, new StepResult(2, 0), 0);
        Thread.sleep(2);
        progress.step(2, new StepResult(2, 0), 0);
        progress.state(State.Done, 1, "done");
        assertThat(progress.report().imagesPerSecond()).isPositive().isLessThanOrEqualTo(32 * 500.0);
    }
}
