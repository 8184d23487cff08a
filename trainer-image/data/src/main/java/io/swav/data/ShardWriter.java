package io.swav.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Writes WebDataset shards {@code <prefix>-000000.tar}, … of at most {@code perShard} samples. The same samples give
 * the same bytes. A shard gets its final name only when it is complete.
 */
final class ShardWriter implements AutoCloseable {
    private final Path folder;
    private final String prefix;
    private final int perShard;
    private int shards;
    private int samples;
    private @Nullable TarShard tar;

    /** @throws DataException if the folder cannot be created */
    ShardWriter(Path folder, String prefix, int perShard) {
        this.folder = folder;
        this.prefix = prefix;
        this.perShard = perShard;
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw DataException.cannotWrite("cannot create folder " + folder, e);
        }
    }

    /**
     * Appends one sample.
     *
     * @param extension of the image, without a dot
     * @param label written as {@code key.cls}; a negative one is not written
     */
    void add(String key, byte[] image, String extension, int label) throws IOException {
        if (tar == null || samples == perShard) {
            close();
            tar = new TarShard(part());
        }
        tar.add(key, image, extension, label);
        samples++;
    }

    private Path part() {
        return folder.resolve(prefix + ".tar.part");
    }

    /** Completes the shard that was begun, if any. */
    @Override
    public void close() throws IOException {
        if (tar != null) {
            tar.close();
            tar = null;
            String name = String.format(Locale.ROOT, "%s-%06d.tar", prefix, shards++);
            Files.move(part(), folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            samples = 0;
        }
    }
}
