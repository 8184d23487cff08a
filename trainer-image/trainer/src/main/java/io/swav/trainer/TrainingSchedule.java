package io.swav.trainer;

import io.swav.api.EpochSchedule;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerExitException;
import io.swav.api.TrainingSpec;
import io.swav.model.LearningRate;
import org.jspecify.annotations.Nullable;

/**
 * How long a job trains, and with which learning rate, by the global step. Both follow from the epochs, which may be
 * raised while it trains: steps before that follow the cosine of the earlier length, later ones that of the new one.
 */
public final class TrainingSchedule {
    private final TrainingSpec.Optimizer optimizer;
    private final long stepsPerEpoch;
    private final @Nullable Long maxSteps;
    private final EpochSchedule first;
    private volatile EpochSchedule epochs;

    /**
     * Creates the schedule of a job whose epochs have not changed yet.
     *
     * @throws TrainerExitException if the data set is smaller than one global batch
     */
    public TrainingSchedule(SwavJobSpec spec, long stepsPerEpoch) {
        if (stepsPerEpoch == 0) {
            throw new TrainerExitException(
                    ExitCodes.BAD_DATA,
                    "spec.data.uri " + spec.data().uri() + " holds fewer samples than spec.training.globalBatch, "
                            + spec.training().globalBatch());
        }
        this.optimizer = spec.training().optimizer();
        this.stepsPerEpoch = stepsPerEpoch;
        this.maxSteps = spec.training().maxSteps();
        this.first = EpochSchedule.of(spec.training().epochs());
        this.epochs = first;
    }

    /** Returns the epochs with which the job began. */
    EpochSchedule first() {
        return first;
    }

    EpochSchedule epochs() {
        return epochs;
    }

    void follow(EpochSchedule now) {
        epochs = now;
    }

    long stepsPerEpoch() {
        return stepsPerEpoch;
    }

    /** Returns the global steps of the whole job. */
    public long steps() {
        return steps(epochs);
    }

    /** Returns the global steps of the whole job with the changes of this published schedule. */
    long stepsFollowing(@Nullable EpochSchedule published) {
        return steps(epochs.following(published, 0));
    }

    private long steps(EpochSchedule of) {
        long all = of.epochs() * stepsPerEpoch;
        return maxSteps == null ? all : Math.min(all, maxSteps);
    }

    /** Returns the learning rate of global step {@code step}, counted from 0. */
    public double rateAt(long step) {
        return LearningRate.of(optimizer, stepsPerEpoch, epochs.epochsAt(step) * stepsPerEpoch)
                .at(step);
    }
}
