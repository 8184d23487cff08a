package io.swav.trainer;

import io.swav.api.Fingerprints;
import io.swav.checkpoint.CheckpointState;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Describes what has changed between a checkpoint and the training that resumes from it. A checkpoint of another
 * configuration is refused before that, see {@link ConfigDigest}; what is left may have been changed on purpose.
 */
final class ResumeChanges {
    private static final Logger LOG = LoggerFactory.getLogger(ResumeChanges.class);

    private ResumeChanges() {}

    /** Returns a sentence for each change; empty if nothing has changed, or the checkpoint does not say. */
    static List<String> since(CheckpointState checkpoint, Fingerprints now) {
        Fingerprints then = checkpoint.trainedWith();
        if (then.equals(Fingerprints.NONE)) {
            LOG.info(
                    "the checkpoint of step {} does not state the data, the settings and the processor that it was made"
                            + " with (an earlier version saved it, or swav import): they are not compared",
                    checkpoint.step());
            return List.of();
        }
        List<String> changes = new ArrayList<>();
        List<String> settings = now.changedSettings(then.settings());
        if (!settings.isEmpty()) {
            changes.add("settings have changed: " + String.join(", ", settings));
        }
        data(then, now).ifPresent(changes::add);
        arithmetic(then, now).ifPresent(changes::add);
        return changes;
    }

    private static Optional<String> data(Fingerprints then, Fingerprints now) {
        if (then.samples() == now.samples() && then.data().equals(now.data())) {
            return Optional.empty();
        }
        return Optional.of("the data has changed: " + then.samples() + " images (index digest " + then.data()
                + ") then, " + now.samples() + " (" + now.data()
                + ") now. The order of images, and with another number of steps an epoch the learning rate, are from here"
                + " on those of the new data: the weights will not be those of either data set alone");
    }

    private static Optional<String> arithmetic(Fingerprints then, Fingerprints now) {
        List<String> parts = new ArrayList<>();
        if (!then.numerics().equals(now.numerics())) {
            parts.add("this processor computes other bits (numerics fingerprint " + then.numerics() + " then, "
                    + now.numerics() + " now)");
        }
        if (!then.build().equals(now.build()) || then.wire() != now.wire()) {
            parts.add("the trainer is another build (" + then.build() + " then, " + now.build() + " now)");
        }
        return parts.isEmpty() || !now.bitwise()
                ? Optional.empty()
                : Optional.of(String.join(", and ", parts)
                        + ": bits may differ from here on from those of a run that did not change");
    }
}
