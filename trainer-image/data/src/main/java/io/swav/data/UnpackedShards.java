package io.swav.data;

import com.github.luben.zstd.ZstdInputStream;
import io.swav.api.Shown;
import io.swav.api.StorageUri;
import io.swav.data.FileSource.SourceFile;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The unpacked bytes of compressed shards and of Parquet files, in the blocks of a {@link RangeCache}. Compressed bytes cannot be read from the
 * middle, so a shard is unpacked once, and again if one of its blocks is lost.
 */
final class UnpackedShards implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(UnpackedShards.class);

    /** Small, because a read of one image reads and verifies whole blocks. */
    static final int BLOCK = 256 << 10;
    /** The most that is unpacked if the job has no cache, and the part of the free space that is used at most. */
    private static final long TEMPORARY_BYTES = 16L << 30;

    private static final int TEMPORARY_PART = 2;
    /** The part of the cache that unpacked shards may fill, in percent: its sub-folders do not fill quite alike. */
    private static final int FILL_PERCENT = 80;

    private final Optional<RangeCache> configured;
    private @Nullable RangeCache blocks;
    private @Nullable Path temporary;
    private final Map<String, Object> unpacking = new ConcurrentHashMap<>();
    /** Bytes of the shards that this process has unpacked, by their keys. */
    private final Map<String, Long> unpacked = new ConcurrentHashMap<>();

    /** @param cache for blocks, closed by its owner; without one a temporary folder is used */
    UnpackedShards(Optional<RangeCache> cache) {
        this.configured = cache;
    }

    /** The folder with the blocks. */
    Path folder() throws IOException {
        return blocks().folder();
    }

    /** A compressed shard as its source describes it. */
    private static final class Packed {
        final FileSource source;
        final SourceFile raw;
        final String key;

        Packed(FileSource source, SourceFile raw) {
            this.source = source;
            this.raw = raw;
            this.key = source.uri() + "\n" + raw.name() + "\n" + raw.version() + "\n" + raw.bytes() + "\nunpacked\n";
        }
    }

    /** Describes a shard by its unpacked size, for which it is unpacked if it is not there. */
    SourceFile unpacked(FileSource source, SourceFile raw) throws IOException {
        Packed packed = new Packed(source, raw);
        Optional<Long> known = knownBytes(packed);
        long bytes = known.isPresent() ? known.get() : unpack(packed, Optional.empty());
        return new SourceFile(raw.name(), bytes, raw.version() + "/" + raw.bytes());
    }

    private Packed packed(FileSource source, SourceFile shown) throws ChangedFileException {
        int slash = shown.version().lastIndexOf('/');
        try {
            long bytes = Long.parseLong(shown.version().substring(slash + 1));
            return new Packed(
                    source, new SourceFile(shown.name(), bytes, shown.version().substring(0, slash)));
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            throw new ChangedFileException(shown.name(), "it is compressed");
        }
    }

    private Optional<Long> knownBytes(Packed packed) throws IOException {
        return blocks().get(packed.key + "bytes", Long.BYTES)
                .map(bytes -> ByteBuffer.wrap(bytes).getLong());
    }

    /** Reads unpacked bytes of a shard that {@link #unpacked} described, now or in an earlier process. */
    byte[] read(FileSource source, SourceFile file, long offset, int length) throws IOException {
        if (offset + length > file.bytes()) {
            throw new EOFException(Shown.of(file.name()) + " ends at byte " + file.bytes());
        }
        Packed packed = packed(source, file);
        byte[] read = new byte[length];
        for (int filled = 0; filled < length; ) {
            long at = offset + filled;
            byte[] block = block(packed, at / BLOCK, file.bytes());
            int from = (int) (at % BLOCK);
            int count = Math.min(length - filled, block.length - from);
            System.arraycopy(block, from, read, filled, count);
            filled += count;
        }
        return read;
    }

    private byte[] block(Packed packed, long number, long bytes) throws IOException {
        int length = (int) Math.min(BLOCK, bytes - number * BLOCK);
        String key = packed.key + number;
        Optional<byte[]> block = blocks().get(key, length);
        if (block.isEmpty()) {
            synchronized (Objects.requireNonNull(unpacking.computeIfAbsent(packed.key, any -> new Object()))) {
                block = blocks().get(key, length);
                if (block.isEmpty()) {
                    if (unpacked.containsKey(packed.key)) {
                        LOG.warn(
                                "{} is unpacked again, because {} has lost a part of it; raise data.cache.size if that"
                                        + " happens often",
                                Shown.of(packed.raw.name()),
                                blocks().folder());
                    }
                    unpack(packed, Optional.of(bytes));
                    block = blocks().get(key, length);
                }
            }
        }
        if (block.isEmpty()) {
            throw new IOException(
                    Shown.of(packed.raw.name()) + " is compressed, and its unpacked bytes cannot be kept in "
                            + blocks().folder()
                            + "; give the data a larger cache (data.cache), or pack it without compression");
        }
        return block.get();
    }

    /** @param expected the size that an index has */
    private long unpack(Packed packed, Optional<Long> expected) throws IOException {
        RangeCache kept = blocks();
        long total = 0;
        try {
            total = unpackInto(packed, kept);
        } catch (UncheckedIOException e) {
            throw Objects.requireNonNull(e.getCause());
        }
        if (expected.isPresent() && expected.get() != total) {
            throw new ChangedFileException(
                    packed.raw.name(), "unpacked it has " + total + " bytes instead of " + expected.get());
        }
        kept.put(
                packed.key + "bytes",
                ByteBuffer.allocate(Long.BYTES).putLong(total).array());
        return total;
    }

    /** @throws UncheckedIOException if the source fails */
    private long unpackInto(Packed packed, RangeCache kept) {
        long total = 0;
        try (InputStream in = unpacking(packed)) {
            byte[] block = new byte[BLOCK];
            for (long number = 0; ; number++) {
                int read = in.readNBytes(block, 0, BLOCK);
                if (read > 0) {
                    kept.put(packed.key + number, read == BLOCK ? block : Arrays.copyOf(block, read));
                }
                total += read;
                unpacked.put(packed.key, total);
                requireRoom(packed, kept);
                if (read < BLOCK) {
                    return total;
                }
            }
        } catch (IOException e) {
            throw DataException.badData(
                    Shown.of(packed.raw.name()) + " of " + packed.source.uri() + " cannot be unpacked after " + total
                            + " bytes, so it is truncated or damaged; copy or write this shard again",
                    e);
        }
    }

    /** @throws DataException if what is unpacked cannot be kept; the limit is permanent, a full disk is this machine's */
    private void requireRoom(Packed packed, RangeCache kept) {
        if (kept.isOff()) {
            throw DataException.cannotKeep(Shown.of(packed.raw.name()) + " of " + packed.source.uri()
                    + " is compressed, and its unpacked bytes cannot be kept in " + kept.folder()
                    + ", whose disk is full or broken (see the log): free space there, mount another volume at"
                    + " data.cache.path, or pack the data without compression");
        }
        long all = unpacked.values().stream().mapToLong(Long::longValue).sum();
        long room = kept.size() / 100 * FILL_PERCENT;
        if (all > room) {
            throw DataException.noInput("the compressed shards of " + packed.source.uri() + " have more than " + all
                    + " bytes unpacked (the last one read is " + Shown.of(packed.raw.name()) + "), and "
                    + kept.folder() + " has room for " + room + ": all must fit, because the images are read in a"
                    + " shuffled order. Raise data.cache.size, or pack the data into plain shards (./swav data pack; images do"
                    + " not get smaller by compression)");
        }
    }

    /** @throws UncheckedIOException if the source fails */
    private static InputStream unpacking(Packed packed) throws IOException {
        if (StorageUri.isParquet(packed.raw.name())) {
            return new ParquetTar(new NamedFaults(packed.source), packed.raw);
        }
        InputStream raw = new NamedFaults(packed.source).open(packed.raw, 0);
        try {
            return decompressor(packed.raw.name(), raw);
        } catch (IOException e) {
            raw.close();
            throw e;
        }
    }

    private static InputStream decompressor(String name, InputStream raw) throws IOException {
        if (name.endsWith(".zst")) {
            return new ZstdInputStream(raw);
        }
        return GzipCompressorInputStream.builder()
                .setInputStream(new BufferedInputStream(raw, 1 << 16))
                .setDecompressConcatenated(true)
                .get();
    }

    /** A source whose faults are unchecked, so that they are not taken for damage of what it holds. */
    private static final class NamedFaults extends ForwardingSource {
        NamedFaults(FileSource source) {
            super(source);
        }

        @Override
        public byte[] read(SourceFile file, long offset, int length) {
            try {
                return super.read(file, offset, length);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public InputStream open(SourceFile file, long offset) {
            try {
                return new SourceStream(super.open(file, offset));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static final class SourceStream extends FilterInputStream {
        SourceStream(InputStream source) {
            super(source);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) {
            try {
                return in.read(into, offset, length);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private synchronized RangeCache blocks() throws IOException {
        RangeCache open = blocks;
        if (open == null) {
            if (configured.isPresent()) {
                open = configured.get();
            } else {
                temporary = Files.createTempDirectory("swav-unpacked-");
                long free = temporary.toFile().getUsableSpace();
                open = new RangeCache(temporary, Math.min(TEMPORARY_BYTES, free / TEMPORARY_PART), "");
            }
            blocks = open;
        }
        return open;
    }

    @Override
    public synchronized void close() {
        Path folder = temporary;
        if (folder != null) {
            try {
                deleteAll(folder);
            } catch (IOException e) {
                LOG.warn("cannot remove the unpacked shards in {}: {}", folder, e.toString());
            }
        }
    }

    private static void deleteAll(Path folder) throws IOException {
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path each, @Nullable IOException failure) throws IOException {
                Files.delete(each);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
