package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
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
    static DataFingerprint of(DataSet data) {
        try {
            MessageDigest index = MessageDigest.getInstance("SHA-256");
            ByteBuffer end = ByteBuffer.allocate(1 + Long.BYTES); // no name holds a zero byte
            for (int sample = 0; sample < data.size(); sample++) {
                index.update(data.place(sample).getBytes(StandardCharsets.UTF_8));
                index.update(
                        end.clear().put((byte) 0).putLong(data.bytes(sample)).flip());
            }
            return new DataFingerprint(data.size(), HexFormat.of().formatHex(index.digest(), 0, Long.BYTES));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
