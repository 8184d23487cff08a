package io.swav.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;

/**
 * WebDataset shards: tar files in which the entries {@code key.jpg} (or another image format) and {@code key.cls} (the
 * label in ASCII digits) form one sample. Opening reads only the headers and records the offset of each image. Samples
 * are numbered by the shards' names, then by the order in which their images appear.
 */
final class WebDatasetShards implements DataSet {
    private static final int RECORD = 512;

    private final List<Path> shards;
    private final List<FileChannel> channels = new ArrayList<>();
    private final List<Image> images = new ArrayList<>();

    private record Image(int shard, String entry, long offset, int size, int label) {}

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
            for (TarArchiveEntry entry : entries(path, channel)) {
                String name = entry.getName();
                if (entry.getDataOffset() + entry.getSize() > channel.size()) {
                    throw truncated(path, "entry " + name + " reaches past the end");
                }
                if (entry.isFile() && ImageCodec.isImage(name)) {
                    found.add(entry);
                } else if (entry.isFile() && name.endsWith(".cls")) {
                    labels.put(key(name), label(path, channel, entry));
                }
            }
            for (TarArchiveEntry entry : found) {
                String key = key(entry.getName());
                int label = labels.getOrDefault(key, UNLABELLED);
                images.add(new Image(
                        shard, entry.getName(), entry.getDataOffset(), Math.toIntExact(entry.getSize()), label));
            }
        } catch (EOFException | IllegalArgumentException | ArithmeticException e) {
            throw damaged(path, e);
        } catch (IOException e) {
            throw DataException.cannotOpen(path, e);
        }
    }

    static List<TarArchiveEntry> entries(Path path, FileChannel channel) {
        try (TarFile tar = new TarFile(new ShardChannel(channel))) {
            return tar.getEntries();
        } catch (UncheckedIOException e) {
            throw DataException.cannotOpen(path, e);
        } catch (IOException e) {
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
        throw DataException.badData(String.format(
                Locale.ROOT,
                "%s: entry %s holds \"%s\" instead of a class number; write this shard again",
                path,
                entry.getName(),
                text));
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
        return read(channels.get(image.shard), image.offset, image.size);
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
    public void close() {
        for (FileChannel channel : channels) {
            try {
                channel.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
