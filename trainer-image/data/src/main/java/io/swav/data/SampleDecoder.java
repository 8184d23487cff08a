package io.swav.data;

import io.swav.api.Shown;
import io.swav.api.SwavJobSpec;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decodes images, and counts those that cannot be decoded: more than {@code data.maxBadSamples} end this process. Thread-safe. */
final class SampleDecoder {
    private static final Logger LOG = LoggerFactory.getLogger(SampleDecoder.class);

    private final SwavJobSpec spec;
    private final DataSet data;
    private final ImageLimits limits;
    private final Set<Long> undecodable = ConcurrentHashMap.newKeySet();
    private volatile int maxBadSamples;

    SampleDecoder(SwavJobSpec spec, DataSet data) {
        this.spec = spec;
        this.data = data;
        this.limits = ImageLimits.of(spec);
        this.maxBadSamples = spec.data().maxBadSamples();
    }

    /** Sets how many images are skipped before this process fails. */
    void maxBadSamples(int limit) {
        maxBadSamples = limit;
    }

    /** Returns the number of images that could not be decoded. */
    long skipped() {
        return undecodable.size();
    }

    /**
     * Decodes an image; empty if it cannot be decoded.
     *
     * @throws DataException if there are too many of these
     */
    Optional<ImageCodec.Bgr> decode(long sample, SampleReads.Encoded encoded) {
        if (undecodable.contains(sample)) {
            return Optional.empty();
        }
        try {
            return Optional.of(
                    ImageCodec.decode(encoded.bytes(), limits, spec.data().exifOrientation()));
        } catch (BadImageException e) {
            skip(sample, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    private void skip(long sample, String reason) {
        if (undecodable.add(sample)) {
            int limit = maxBadSamples;
            if (undecodable.size() > limit) {
                throw DataException.badData("more than data.maxBadSamples (" + limit
                        + ") images cannot be decoded, the last " + Shown.of(data.name(sample)) + " (" + reason
                        + "); repair the data or raise the limit (in a new job, if this one is Failed)");
            }
            LOG.warn(
                    "skipping {}: {} ({} skipped so far, data.maxBadSamples {})",
                    Shown.of(data.name(sample)),
                    reason,
                    undecodable.size(),
                    limit);
        }
    }
}
