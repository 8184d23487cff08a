package io.swav.trainer;

import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerExitException;
import io.swav.api.World;
import io.swav.membership.Course;
import io.swav.model.LearningRate;
import org.jspecify.annotations.Nullable;

/**
 * How long a job trains, and with which learning rate, by the global step. Both follow from the epochs, which may be
 * raised while it trains, and from the steps in each of them, which grow with the data.
 *
 * <p>The learning rate is a function of the part of all epochs that is done: halfway through epoch 3 of 10 it is the same
 * whatever the number of steps in the epochs before. Steps before a change follow the cosine of the earlier length.
 */
public final class TrainingSchedule {
    private final SwavJobSpec job;
    private final int globalBatch;
    private final @Nullable Long maxSteps;
    private final Course first;
    private volatile Course course;

    /**
     * Creates the schedule of a job whose epochs have not changed yet.
     *
     * @param data that it has begun with
     * @throws TrainerExitException if the data set is smaller than one global batch
     */
    public TrainingSchedule(SwavJobSpec spec, DataLedger data) {
        this.globalBatch = spec.training().globalBatch();
        if (data.stepsIn(0, globalBatch) == 0) {
            throw new TrainerExitException(
                    ExitCodes.BAD_DATA,
                    "spec.data.uri " + spec.data().uri() + " holds fewer samples than spec.training.globalBatch, "
                            + globalBatch);
        }
        this.job = spec;
        this.maxSteps = spec.training().maxSteps();
        this.first = new Course(EpochSchedule.of(spec.training().epochs()), data);
        this.course = first;
    }

    /** Returns the epochs with which the job began, and the data as it was when it was opened. */
    Course first() {
        return first;
    }

    Course course() {
        return course;
    }

    void follow(Course now) {
        course = now;
    }

    /** Returns the epoch in which a global step is made, counted from 0. */
    public long epochAt(long step) {
        return course.data().epochOf(step, globalBatch);
    }

    /** Returns whether a global step is the first of its epoch. */
    boolean beginsEpoch(long step) {
        return course.data().stepInEpoch(step, globalBatch) == 0;
    }

    /** Returns the global steps of the whole job, if its data grows no more. */
    public long steps() {
        return steps(course);
    }

    /** Returns the global steps of the whole job with the changes of this world document. */
    long stepsFollowing(World published) {
        Course now = course;
        return steps(now.following(published, 0));
    }

    private long steps(Course of) {
        long all = of.data().firstStep(of.epochs().epochs(), globalBatch);
        return maxSteps == null ? all : Math.min(all, maxSteps);
    }

    /** Returns the learning rate of global step {@code step}, counted from 0. */
    public double rateAt(long step) {
        Course now = course;
        long epoch = now.data().epochOf(step, globalBatch);
        long inEpoch = now.data().stepsIn(epoch, globalBatch);
        long done = epoch * inEpoch + now.data().stepInEpoch(step, globalBatch);
        return LearningRate.of(job.training().optimizer(), inEpoch, now.epochs().epochsAt(step) * inEpoch)
                .at(done);
    }
}
