package io.swav.evaluation;

import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import io.swav.checkpoint.BackboneWeights;
import io.swav.checkpoint.SafetensorsHeader;
import io.swav.checkpoint.SafetensorsHeader.TensorSlot;
import io.swav.data.BadImageException;
import io.swav.data.DataException;
import io.swav.data.DataFingerprint;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import io.swav.evaluation.FeatureWriter.FeatureFormat;
import io.swav.model.Model;
import io.swav.torch.HostView;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The features of a labelled data set in a file: a temporary one, which is gone with this process, or one that is kept and
 * used again for the same weights, images and view.
 */
final class StoredFeatures implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StoredFeatures.class);

    private final FileChannel channel;
    private final FeatureMatrix matrix;

    private StoredFeatures(FileChannel channel, FeatureMatrix matrix) {
        this.channel = channel;
        this.matrix = matrix;
    }

    FeatureMatrix matrix() {
        return matrix;
    }

    /**
     * Computes the features of all images into a temporary file in the folder {@code java.io.tmpdir}.
     *
     * @param labels of all samples
     * @throws DataException if an image cannot be read or decoded
     * @throws EvalException if they cannot be stored
     */
    static StoredFeatures temporary(
            FeatureExtractor extractor, DataSet data, int[] labels, WorkProgress.Follower follower) {
        try {
            Path file = Files.createTempFile("swav-", ".features");
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE);
            try {
                requireRoom(file, extractor, labels.length);
                write(channel, extractor, data, Map.of(), follower);
                SafetensorsHeader header = SafetensorsHeader.read(channel.position(0), file.toString());
                return of(
                        channel,
                        header.start(),
                        header.tensor(SafetensorsFeatures.FEATURES).orElseThrow(),
                        extractor.width(),
                        labels);
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw cannotStore(e);
        }
    }

    /**
     * Finds the features of all images in a file, or computes them and leaves them there.
     *
     * @param labels of all samples
     * @throws DataException if an image cannot be read or decoded
     * @throws EvalException if they cannot be stored
     */
    static StoredFeatures kept(
            Path file,
            Model model,
            FeatureExtractor extractor,
            DataSet data,
            int[] labels,
            WorkProgress.Follower follower) {
        Map<String, String> identity = identity(model, data, extractor.side());
        try {
            Optional<StoredFeatures> found = find(file, identity, extractor.width(), labels);
            if (found.isPresent()) {
                LOG.info("{} has the features of these weights and images, and is used again", file);
                return found.get();
            }
            try (OutputFile output = OutputFile.begin(file)) {
                requireRoom(file, extractor, labels.length);
                write(output.channel(), extractor, data, identity, follower);
                output.complete();
            }
            return find(file, identity, extractor.width(), labels)
                    .orElseThrow(() -> new IOException(file + " was replaced by another process"));
        } catch (IOException e) {
            throw cannotStore(e);
        }
    }

    private static void write(
            FileChannel channel,
            FeatureExtractor extractor,
            DataSet data,
            Map<String, String> metadata,
            WorkProgress.Follower follower)
            throws IOException {
        try (WorkProgress progress = follower.begin("computing features", data.size(), "images")) {
            FeatureFile.write(
                    channel,
                    FeatureFormat.Safetensors,
                    extractor,
                    data,
                    metadata,
                    (sample, why) -> {
                        throw refusal(data, sample, why);
                    },
                    progress);
        }
    }

    /** Returns what ends an evaluation: without the image, its figure would be of other images than the data set's. */
    static DataException refusal(DataSet data, int sample, BadImageException why) {
        return DataException.badData(Shown.of(data.name(sample)) + ": " + why.getMessage() + "; repair or remove it");
    }

    /** What decides the features: the backbone's values, the images, and the size of their views. */
    private static Map<String, String> identity(Model model, DataSet data, int side) {
        MessageDigest digest = sha256();
        new TreeMap<>(model.state()).forEach((name, array) -> {
            if (BackboneWeights.isBackbone(name)) {
                digest.update(HostView.of(array).bytes());
            }
        });
        DataFingerprint images = data.fingerprint();
        return Map.of(
                "weights",
                HexFormat.of().formatHex(digest.digest(), 0, Long.BYTES),
                "images",
                images.samples() + " " + images.digest(),
                "crop_size",
                Integer.toString(side));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static Optional<StoredFeatures> find(Path file, Map<String, String> identity, int width, int[] labels)
            throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        try {
            SafetensorsHeader header = SafetensorsHeader.read(channel, file.toString());
            Optional<TensorSlot> features = header.tensor(SafetensorsFeatures.FEATURES)
                    .filter(slot -> slot.shape().equals(List.of((long) labels.length, (long) width)));
            if (features.isPresent() && header.metadata().entrySet().containsAll(identity.entrySet())) {
                return Optional.of(of(channel, header.start(), features.get(), width, labels));
            }
            LOG.info("{} has the features of other weights, images or views, and is computed again", file);
        } catch (IOException e) {
            LOG.warn("{} is not used, and is computed again: {}", file, e.toString());
        }
        channel.close();
        return Optional.empty();
    }

    private static StoredFeatures of(FileChannel channel, long start, TensorSlot slot, int width, int[] labels) {
        return new StoredFeatures(channel, FeatureMatrix.of(width, labels, channel, start + slot.from()));
    }

    /** Requires room for the features before they are computed. */
    static void requireRoom(Path file, FeatureExtractor extractor, int rows) throws IOException {
        Path folder = Objects.requireNonNull(file.toAbsolutePath().getParent());
        long needed = (long) rows * extractor.width() * Float.BYTES;
        long free = Files.getFileStore(folder).getUsableSpace();
        if (needed > free) {
            throw new IOException("the features of " + rows + " images need " + (needed >> 20) + " MB, " + folder
                    + " has " + (free >> 20) + " MB free");
        }
    }

    private static EvalException cannotStore(IOException e) {
        return new EvalException(
                ExitCodes.CANNOT_WRITE,
                "cannot store features (" + e.getMessage() + "); give a folder on a disk with room: --features DIR");
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            LOG.debug("closing features", e);
        }
    }
}
