package io.swav.data;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * What decides every byte of a packed set, and so whether a part that is there already is one of it.
 *
 * @param format version of the files
 * @param images digest over places, sizes and labels of all samples, and the classes' names
 * @param samples number of images
 * @param perPart samples of a part: a shard, or a piece of a folder
 * @param seed of the order of samples
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record PackPlan(int format, PackLayout layout, String images, long samples, int perPart, long seed) {
    private static final int FORMAT = 1;

    /** How a set lies on the disk. */
    enum PackLayout {
        /** WebDataset tar shards. */
        Shards,
        /** A file for each image, in a folder for each class. */
        Folder
    }

    /** @throws DataException if there are too many samples for one permutation */
    static PackPlan of(DataSet data, List<String> classes, PackLayout layout, int perPart, long seed) {
        long samples = data.size();
        if (samples > Integer.MAX_VALUE) {
            throw DataException.badData(
                    samples + " images are more than one pack shuffles: pack parts of the shards, by a" + " pattern");
        }
        return new PackPlan(FORMAT, layout, digest(data, classes), data.size(), perPart, seed);
    }

    private static String digest(DataSet data, List<String> classes) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(data.fingerprint().digest().getBytes(StandardCharsets.UTF_8));
            ByteBuffer label = ByteBuffer.allocate(Integer.BYTES);
            for (int sample = 0; sample < data.size(); sample++) {
                digest.update(label.clear().putInt(data.label(sample)).flip());
            }
            for (String name : classes) {
                digest.update((name + "\0").getBytes(StandardCharsets.UTF_8));
            }
            return HexFormat.of().formatHex(digest.digest(), 0, Long.BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    int parts() {
        return Math.toIntExact((samples + perPart - 1) / perPart);
    }

    /** The position of a part's first sample in the order of all. */
    int first(int part) {
        return part * perPart;
    }

    /** The position after a part's last sample. */
    int end(int part) {
        return (int) Math.min(samples, (long) first(part) + perPart);
    }
}
