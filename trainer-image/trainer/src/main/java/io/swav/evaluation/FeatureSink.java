package io.swav.evaluation;

import io.swav.data.BadImageException;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Takes the features of images, in the order of the samples. */
interface FeatureSink {
    /**
     * Takes the features of one image.
     *
     * @param values width floats, in native byte order; valid during the call
     */
    void row(int sample, ByteBuffer values) throws IOException;

    /** Takes note of a sample that has no features, because it can never be decoded; or throws to end the work. */
    void bad(int sample, BadImageException why);
}
