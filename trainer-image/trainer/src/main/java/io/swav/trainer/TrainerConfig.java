package io.swav.trainer;

import io.swav.api.LiveSettings;
import io.swav.api.SwavJobSpec;
import java.time.Duration;

/**
 * Settings of a {@link Trainer} that do not change while its process lives.
 *
 * @param uid of this pod
 * @param groups of the global batch
 * @param settings those with which it starts
 * @param job uid of the SwavJob, empty outside a cluster
 * @param startOver whether to start from zero if there are checkpoints and none is usable
 * @param minStepDuration how long a step takes at least
 */
public record TrainerConfig(
        String uid,
        int groups,
        int globalBatch,
        LiveSettings settings,
        long seed,
        String configDigest,
        String job,
        boolean startOver,
        Duration minStepDuration) {
    private static final long LAST_SAVE_DEADLINE_MILLIS = 12_000;
    private static final long SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND = 800;

    /** Derives the settings from a job's spec and a pod's environment. */
    static TrainerConfig of(SwavJobSpec spec, TrainerEnvironment env) {
        return new TrainerConfig(
                env.podUid(),
                spec.training().groups(),
                spec.training().globalBatch(),
                LiveSettings.of(spec),
                spec.training().seed(),
                ConfigDigest.of(spec),
                env.jobUid(),
                spec.recovery().startOver(),
                env.minStepDuration());
    }

    /**
     * Returns how long after SIGTERM a trainer saves and exits even if no world without it was published: early enough to
     * save before the pod is killed, even if its grace period is shorter than the cloud's notice.
     */
    static Duration saveDeadline(LiveSettings settings) {
        return Duration.ofMillis(Math.min(
                LAST_SAVE_DEADLINE_MILLIS, SAVE_DEADLINE_MILLIS_PER_NOTICE_SECOND * settings.noticeSeconds()));
    }
}
