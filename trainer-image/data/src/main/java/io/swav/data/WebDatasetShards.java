package io.swav.data;

import io.swav.api.Shown;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * WebDataset shards: tar files in which the entries {@code key.jpg} (or another image format) and {@code key.cls} (the
 * label in ASCII digits) form one sample. Opening reads only the headers and records the offset of each image. Samples
 * are numbered by the shards' names, then by the order in which their images appear.
 */
final class WebDatasetShards implements DataSet {
    private static final Logger LOG = LoggerFactory.getLogger(WebDatasetShards.class);
    private static final int RECORD = 512;
    /** The limit on an entry with a label, digits and white space. */
    private static final int LABEL_BYTES = 64;

    private final List<Path> shards;
    private final List<FileChannel> channels = new ArrayList<>();
    private final List<Image> images = new ArrayList<>();

    private record Image(int shard, String entry, long offset, long size, int label) {}

    private WebDatasetShards(List<Path> shards) {
        this.shards = List.copyOf(shards);
    }

    static WebDatasetShards open(List<Path> shards) {
        WebDatasetShards data = new WebDatasetShards(shards);
        try {
            for (int i = 0; i < shards.size(); i++) {
                data.scan(i);
            }
            if (data.images.isEmpty()) {
                throw DataException.noInput(
                        "there are no images in the " + shards.size() + " tar file(s), the first is " + shards.get(0)
                                + "; a sample is <key>.jpg with, if labelled, <key>.cls");
            }
            return data;
        } catch (RuntimeException e) {
            data.close();
            throw e;
        }
    }

    private void scan(int shard) {
        Path path = shards.get(shard);
        try {
            FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
            channels.add(channel);
            requireEndMark(path, channel);
            Map<String, Integer> labels = new TreeMap<>();
            List<TarArchiveEntry> found = new ArrayList<>();
            List<String> others = new ArrayList<>();
            for (TarArchiveEntry entry : entries(path, channel)) {
                String name = entry.getName();
                if (entry.getSize() > channel.size() - entry.getDataOffset()) {
                    throw truncated(path, "entry " + Shown.of(name) + " reaches past the end");
                }
                boolean image = ImageCodec.isImage(name);
                if (image && isFile(entry)) {
                    found.add(entry);
                } else if (image && !entry.isDirectory()) {
                    others.add(name);
                } else if (name.endsWith(".cls") && isFile(entry)) {
                    labels.put(key(name), label(path, channel, entry));
                }
            }
            report(path, others);
            for (TarArchiveEntry entry : found) {
                String key = key(entry.getName());
                int label = labels.getOrDefault(key, UNLABELLED);
                images.add(new Image(shard, entry.getName(), entry.getDataOffset(), entry.getSize(), label));
            }
        } catch (EOFException e) {
            throw damaged(path, e);
        } catch (IOException e) {
            throw DataException.cannotOpen(path, e);
        }
    }

    /** Whether an entry holds its own bytes. A library's "file" is whatever is not a folder: links, devices, pipes. */
    private static boolean isFile(TarArchiveEntry entry) {
        byte type = entry.getLinkFlag();
        boolean regular =
                type == TarConstants.LF_NORMAL || type == TarConstants.LF_OLDNORM || type == TarConstants.LF_CONTIG;
        return regular && !entry.isDirectory() && !entry.isSparse();
    }

    private static void report(Path path, List<String> others) {
        if (!others.isEmpty()) {
            LOG.warn(
                    "{}: {} entries with an image's name are links, devices or sparse and are not used, the first is {};"
                            + " to use them, pack the files themselves",
                    path,
                    others.size(),
                    Shown.of(others.get(0)));
        }
    }

    static List<TarArchiveEntry> entries(Path path, FileChannel channel) {
        try (TarFile tar = new TarFile(new ShardChannel(channel))) {
            return tar.getEntries();
        } catch (UncheckedIOException e) {
            throw DataException.cannotOpen(path, e);
        } catch (IOException | RuntimeException e) { // the library throws several kinds for fields that make no sense
            throw damaged(path, e);
        }
    }

    private static DataException damaged(Path path, Exception e) {
        return DataException.badData(path + " is not a readable tar file (truncated or damaged)", e);
    }

    /**
     * Requires the end-of-archive mark, records of zeros. Without this check, a file that was cut between two entries
     * would look complete.
     */
    private static void requireEndMark(Path path, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < 2 * RECORD || size % RECORD != 0) {
            throw truncated(path, "its size, " + size + " bytes, is not that of a tar file");
        }
        for (byte b : read(channel, size - RECORD, RECORD)) {
            if (b != 0) {
                throw truncated(path, "the end-of-archive mark is missing");
            }
        }
    }

    private static DataException truncated(Path path, String why) {
        return DataException.badData(path + " is truncated: " + why + "; copy or write this shard again");
    }

    /** The part of an entry's name before the first dot of its last component. */
    private static String key(String name) {
        int slash = name.lastIndexOf('/') + 1;
        int dot = name.indexOf('.', slash);
        return dot < 0 ? name : name.substring(0, dot);
    }

    private static int label(Path path, FileChannel channel, TarArchiveEntry entry) throws IOException {
        if (entry.getSize() > LABEL_BYTES) {
            throw badLabel(path, entry, entry.getSize() + " bytes");
        }
        String text = new String(
                        read(channel, entry.getDataOffset(), Math.toIntExact(entry.getSize())),
                        StandardCharsets.US_ASCII)
                .trim();
        try {
            int label = Integer.parseInt(text);
            if (label >= 0) {
                return label;
            }
        } catch (NumberFormatException e) {
            // reported below
        }
        throw badLabel(path, entry, "\"" + Shown.of(text) + "\"");
    }

    private static DataException badLabel(Path path, TarArchiveEntry entry, String content) {
        return DataException.badData(path + ": entry " + Shown.of(entry.getName()) + " holds " + content
                + " instead of a class number; write this shard again");
    }

    private static byte[] read(FileChannel channel, long offset, int size) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(size);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, offset + buffer.position()) < 0) {
                throw new EOFException("the file ends at byte " + (offset + buffer.position()));
            }
        }
        return buffer.array();
    }

    @Override
    public int size() {
        return images.size();
    }

    @Override
    public byte[] read(int sample) throws IOException {
        Image image = images.get(sample);
        ImageLimits.requireReadable(image.size);
        try {
            return read(channels.get(image.shard), image.offset, (int) image.size);
        } catch (EOFException e) {
            throw new BadImageException(String.valueOf(e.getMessage()));
        }
    }

    @Override
    public int label(int sample) {
        return images.get(sample).label;
    }

    @Override
    public String name(int sample) {
        Image image = images.get(sample);
        return shards.get(image.shard) + ":" + image.entry;
    }

    @Override
    public String place(int sample) {
        Image image = images.get(sample);
        return shards.get(image.shard).getFileName() + ":" + image.entry;
    }

    @Override
    public long bytes(int sample) {
        return images.get(sample).size;
    }

    @Override
    public void close() {
        closeAll(channels);
    }

    /**
     * Closes all channels, also after one of them has failed.
     *
     * @throws UncheckedIOException the first failure; it carries the others as suppressed exceptions
     */
    static void closeAll(List<? extends Channel> channels) {
        Optional<UncheckedIOException> failure = Optional.empty();
        for (Channel channel : channels) {
            try {
                channel.close();
            } catch (IOException e) {
                failure.ifPresent(first -> first.addSuppressed(e));
                failure = failure.or(() -> Optional.of(new UncheckedIOException(e)));
            }
        }
        if (failure.isPresent()) {
            throw failure.get();
        }
    }
}
