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
}
