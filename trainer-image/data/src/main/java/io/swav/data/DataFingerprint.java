package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * Tells two data sets apart without reading their images: by the number of samples and a digest over the name and the
 * size of each, in the order in which samples are numbered. Labels are no part of it, because training does not use
 * them; nor is the folder, which may be mounted anywhere.
 *
 * @param samples number of images
 * @param digest 16 hexadecimal digits
 */
public record DataFingerprint(long samples, String digest) {
    /** Computes a fingerprint from one sample after another. */
    static final class Digest {
        private final MessageDigest index = IndexFile.sha256();
        private final ByteBuffer end = ByteBuffer.allocate(1 + Long.BYTES); // no name holds a zero byte
        private long samples;

        /**
         * Adds the next sample.
         *
         * @param place its name within the data set
         * @param bytes its size; −1 if it does not exist
         */
        void add(String place, long bytes) {
            index.update(place.getBytes(StandardCharsets.UTF_8));
            index.update(end.clear().put((byte) 0).putLong(bytes).flip());
            samples++;
        }

        /** Returns the fingerprint of the samples that were added so far. */
        DataFingerprint result() {
            try {
                MessageDigest soFar = (MessageDigest) index.clone();
                return new DataFingerprint(samples, HexFormat.of().formatHex(soFar.digest(), 0, Long.BYTES));
            } catch (CloneNotSupportedException e) {
                throw new IllegalStateException("the JDK's SHA-256 can be cloned", e);
            }
        }
    }
}
