package io.swav.trainer;

import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerExitException;
import java.time.Duration;
import java.util.Optional;

/**
 * Settings of a {@link Trainer} that do not change while its process lives.
 *
 * @param uid of this pod
 * @param groups of the global batch
 * @param steps in the whole job
 * @param everySteps steps between checkpoints
 * @param every time between checkpoints, in addition to {@code everySteps}
 * @param job uid of the SwavJob, empty outside a cluster
 * @param startOver whether to start from zero if there are checkpoints and none is usable
 * @param minStepDuration how long a step takes at least
 * @param saveDeadline how long after SIGTERM this trainer saves and exits even if no world without it was published:
 *     before it is killed
 */
public record TrainerConfig(
        String uid,
        int groups,
        int globalBatch,
        long steps,
        long everySteps,
        Optional<Duration> every,
        long seed,
        String configDigest,
        String job,
        boolean startOver,
        Duration minStepDuration,
        Duration saveDeadline) {
    private static final long LAST_SAVE_DEADLINE_MILLIS = 12_000;
    private static final long SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND = 800;

    /**
     * Derives the settings from a job's spec and a pod's environment.
     *
     * @throws TrainerExitException if the data set is smaller than one global batch
     */
    static TrainerConfig of(SwavJobSpec spec, TrainerEnvironment env, long stepsPerEpoch) {
        Optional<SwavJobSpec.Checkpoint> checkpoint = Optional.ofNullable(spec.checkpoint());
        return new TrainerConfig(
                env.podUid(),
                spec.training().groups(),
                spec.training().globalBatch(),
                steps(spec, stepsPerEpoch),
                checkpoint.map(SwavJobSpec.Checkpoint::everySteps).orElse(Long.MAX_VALUE),
                checkpoint.map(SwavJobSpec.Checkpoint::everySeconds).map(Duration::ofSeconds),
                spec.training().seed(),
                ConfigDigest.of(spec),
                env.jobUid(),
                spec.recovery().startOver(),
                env.minStepDuration(),
                saveDeadline(spec));
    }

    private static long steps(SwavJobSpec spec, long stepsPerEpoch) {
        if (stepsPerEpoch == 0) {
            throw new TrainerExitException(
                    ExitCodes.BAD_DATA,
                    "spec.data.uri " + spec.data().uri() + " holds fewer samples than spec.training.globalBatch, "
                            + spec.training().globalBatch());
        }
        long all = spec.training().epochs() * stepsPerEpoch;
        Long atMost = spec.training().maxSteps();
        return atMost == null ? all : Math.min(all, atMost);
    }

    /**
     * How long after notice the trainer may still wait for a world without it. This is early enough to save before the
     * pod is killed, even if its grace period is shorter than the cloud's notice.
     */
    private static Duration saveDeadline(SwavJobSpec spec) {
        return Duration.ofMillis(Math.min(
                LAST_SAVE_DEADLINE_MILLIS,
                SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND * spec.recovery().noticeSeconds()));
    }
}
