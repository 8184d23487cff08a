package io.swav.trainer;

import io.swav.api.Fingerprints;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainingSettings;
import io.swav.api.TrainingSpec;
import io.swav.collective.PeerListener;
import io.swav.common.BuildIdentity;
import io.swav.data.DataFingerprint;
import java.util.SortedMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Computes the fingerprints of this process, which it reports before it may enter a world. */
final class OwnFingerprints {
    private static final Logger LOG = LoggerFactory.getLogger(OwnFingerprints.class);

    private OwnFingerprints() {}

    /**
     * Collects the fingerprints, and logs them.
     *
     * @param numerics of {@link TrainingFactory#checkKernels}
     * @param firstStep of {@link io.swav.model.TrainStep#warmUp}
     */
    static Fingerprints of(SwavJobSpec spec, DataFingerprint data, String numerics, String firstStep) {
        SortedMap<String, String> settings = TrainingSettings.of(spec);
        Fingerprints own = new Fingerprints(
                TrainingSettings.digest(settings),
                data.samples(),
                data.digest(),
                PeerListener.protocolVersion(),
                BuildIdentity.current(),
                spec.training().reproducibility() == TrainingSpec.Reproducibility.Bitwise,
                numerics,
                firstStep,
                settings);
        LOG.info(
                "trains with configuration {}, {} images (index {}), build {}, numerics {}, first step {}",
                own.config(),
                own.samples(),
                own.data(),
                own.build(),
                own.numerics(),
                own.firstStep());
        return own;
    }
}
