package io.swav.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps bytes that were read from elsewhere in a folder, one file each. A file begins with a SHA-256 over its key and content,
 * which every read verifies; a damaged one is removed and its bytes are read from their source again.
 *
 * <p>If there is no room, what other data sets have not used for an hour goes, what was used least recently first. What is
 * of the same data set stays, and the newcomer is not kept: in shuffled epochs every sample is used once before any is used
 * again, so a cache that holds a quarter of the set answers a quarter of the reads this way, and three percent of them if
 * the least recently used sample made room for each new one (decision 096). What nobody has used for a week goes in any case.
 *
 * <p>The folder is divided as the cache of a processor is: the digest of a key selects one of {@link #SETS} sub-folders, and
 * each has its share of the size and makes room for itself. So nothing has to be known of the whole: a start lists nothing,
 * no entry costs memory, and several processes share a folder without locks. Files appear by an atomic move, and a process
 * counts what is there again before it has added a tenth of a share.
 */
final class RangeCache implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(RangeCache.class);

    /** The name has the version of the layout. */
    private static final String FOLDER = "swav-ranges-1";
    /** Few enough that a share holds many entries even if the size is 1 GiB, so that all fill alike. */
    static final int SETS = 64;

    private static final int DIGEST = 32;
    private static final int OWNER_BYTES = 8;
    /** A file takes whole blocks of a file system. */
    private static final int BLOCK = 4096;
    /** The part of a share that is added before it is counted again. */
    private static final int COUNT_AGAIN = 10;
    /** The time of use need not be exact. */
    private static final Duration TOUCH = Duration.ofMinutes(1);
    /** The time without use after which an entry of another data set may go: nobody trains on it. */
    private static final Duration LEFT_BY_OTHERS = Duration.ofHours(1);
    /** The time without use after which any entry may go, such as that of a shard that was replaced. */
    private static final Duration STALE = Duration.ofDays(7);
    /** The time for which a full share is not looked through again. */
    private static final Duration FULL = Duration.ofMinutes(10);
    /** The age at which an unfinished file has no writer. */
    private static final Duration ABANDONED = Duration.ofHours(1);

    private static final String UNFINISHED = ".tmp";

    /** Writes a file. */
    interface Writer {
        void write(Path file, byte[] bytes) throws IOException;
    }

    private final Path folder;
    private final long size;
    private final Writer writer;
    private final String owner;
    private final List<Share> shares = new ArrayList<>();
    private final AtomicBoolean off = new AtomicBoolean();
    private final AtomicBoolean warnedOfDamage = new AtomicBoolean();
    private final AtomicBoolean warnedOfSize = new AtomicBoolean();
    private final LongAdder hits = new LongAdder();
    private final LongAdder misses = new LongAdder();

    /** What a process knows of a share; guarded by itself. */
    private static final class Share {
        final Path folder;
        boolean counted;
        long bytes;
        long added;
        boolean full;
        long fullSince; // System.nanoTime

        Share(Path folder) {
            this.folder = folder;
        }
    }

    private record CachedRange(Path file, long bytes, FileTime used) {}

    /**
     * Opens a cache; the folder is created with the first entry.
     *
     * @param size the most bytes on disk
     * @param dataSet identity of the data set whose bytes are kept
     */
    RangeCache(Path folder, long size, String dataSet) {
        this(folder, size, dataSet, Files::write);
    }

    RangeCache(Path folder, long size, String dataSet, Writer writer) {
        this.writer = writer;
        this.owner = HexFormat.of().formatHex(name(dataSet), 0, OWNER_BYTES) + "-";
        this.folder = folder.resolve(FOLDER);
        this.size = size;
        for (int i = 0; i < SETS; i++) {
            shares.add(new Share(this.folder.resolve(String.format("%02x", i))));
        }
    }

    /** The bytes on disk at most. */
    long size() {
        return size;
    }

    Path folder() {
        return folder;
    }

    /** Reads that found their bytes, and reads that did not. */
    record Use(long hits, long misses) {}

    Use use() {
        return new Use(hits.sum(), misses.sum());
    }

    /**
     * Returns the bytes that are kept under a key; empty if there are none, or they are damaged.
     *
     * @param length of the content; another length is damage
     */
    Optional<byte[]> get(String key, int length) {
        Optional<byte[]> content = load(key, length);
        (content.isPresent() ? hits : misses).increment();
        return content;
    }

    private Optional<byte[]> load(String key, int length) {
        byte[] name = name(key);
        Path file = file(name);
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            byte[] stored = attributes.size() == DIGEST + length ? Files.readAllBytes(file) : new byte[0];
            if (stored.length != DIGEST + length
                    || !MessageDigest.isEqual(digest(name, stored, DIGEST, length), prefix(stored))) {
                remove(file);
                if (warnedOfDamage.compareAndSet(false, true)) {
                    LOG.warn(
                            "{} is damaged; it is removed and its bytes are read from their source again."
                                    + " Check the disk if more than a crash of the node can be the cause",
                            file);
                }
                return Optional.empty();
            }
            FileTime now = FileTime.fromMillis(System.currentTimeMillis());
            if (now.toMillis() - attributes.lastModifiedTime().toMillis() > TOUCH.toMillis()) {
                Files.setLastModifiedTime(file, now);
            }
            byte[] content = new byte[length];
            System.arraycopy(stored, DIGEST, content, 0, length);
            return Optional.of(content);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            turnOff("cannot be read", e);
            return Optional.empty();
        }
    }

    /** Keeps bytes under a key. If that fails, the cache is off until this process ends, which is logged once. */
    void put(String key, byte[] content) {
        if (off.get()) {
            return;
        }
        byte[] name = name(key);
        long need = onDisk(DIGEST + content.length);
        if (need > size / SETS) {
            if (warnedOfSize.compareAndSet(false, true)) {
                LOG.warn(
                        "{} bytes are too many for the cache in {}, which keeps entries of up to a {}th of its size; raise"
                                + " data.cache.size",
                        content.length,
                        folder,
                        SETS);
            }
            return;
        }
        Share share = shares.get(set(name));
        Path unfinished = share.folder.resolve(UUID.randomUUID() + UNFINISHED);
        try {
            if (!makeRoom(share, need)) {
                return;
            }
            byte[] stored = new byte[DIGEST + content.length];
            System.arraycopy(digest(name, content, 0, content.length), 0, stored, 0, DIGEST);
            System.arraycopy(content, 0, stored, DIGEST, content.length);
            writer.write(unfinished, stored);
            Files.move(unfinished, file(name), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException | UncheckedIOException e) {
            turnOff("cannot be written", e);
            remove(unfinished);
        }
    }

    /** Returns whether there is room. */
    private boolean makeRoom(Share share, long need) throws IOException {
        long limit = size / SETS;
        synchronized (share) {
            if (share.full && System.nanoTime() - share.fullSince < FULL.toNanos()) {
                return false;
            }
            boolean again = !share.counted
                    || share.bytes + share.added + need > limit
                    || share.added + need > Math.max(limit / COUNT_AGAIN, need);
            if (again) {
                Files.createDirectories(share.folder);
                List<CachedRange> entries = entries(share.folder);
                share.bytes = entries.stream().mapToLong(CachedRange::bytes).sum();
                if (share.bytes + need > limit) {
                    share.bytes -= evict(entries, share.bytes + need - (limit - limit / COUNT_AGAIN));
                }
                share.added = 0;
                share.counted = true;
                share.full = share.bytes + need > limit;
                share.fullSince = System.nanoTime();
            }
            if (share.full) {
                return false;
            }
            share.added += need;
            return true;
        }
    }

    private static List<CachedRange> entries(Path folder) throws IOException {
        List<CachedRange> entries = new ArrayList<>();
        long abandoned = System.currentTimeMillis() - ABANDONED.toMillis();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
                try {
                    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                    boolean unfinished = file.toString().endsWith(UNFINISHED);
                    if (unfinished && attributes.lastModifiedTime().toMillis() < abandoned) {
                        remove(file);
                    } else {
                        entries.add(new CachedRange(file, onDisk(attributes.size()), attributes.lastModifiedTime()));
                    }
                } catch (NoSuchFileException e) {
                    // another process made room
                }
            }
        }
        return entries;
    }

    /** Removes so many bytes of what may go, or all of it, what was used least recently first; returns how many. */
    private long evict(List<CachedRange> entries, long bytes) {
        long freed = 0;
        for (CachedRange entry : entries.stream()
                .filter(this::mayGo)
                .sorted(Comparator.comparing(CachedRange::used))
                .toList()) {
            if (freed >= bytes) {
                break;
            }
            remove(entry.file);
            freed += entry.bytes;
        }
        return freed;
    }

    private boolean mayGo(CachedRange entry) {
        boolean ours = String.valueOf(entry.file.getFileName()).startsWith(owner);
        Duration limit = ours ? STALE : LEFT_BY_OTHERS;
        return System.currentTimeMillis() - entry.used.toMillis() > limit.toMillis();
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.debug("cannot remove {}: {}", file, e.toString());
        }
    }

    private void turnOff(String what, Exception e) {
        if (off.compareAndSet(false, true)) {
            LOG.warn(
                    "the cache in {} {} ({}) and is not written to any more by this process; data is read from its source"
                            + " instead, so training goes on, perhaps slower. If the disk is full, lower data.cache.size or"
                            + " free space",
                    folder,
                    what,
                    e.toString());
        }
    }

    /** Whether this process has stopped writing. */
    boolean isOff() {
        return off.get();
    }

    private static long onDisk(long bytes) {
        return (bytes + BLOCK - 1) / BLOCK * BLOCK;
    }

    private Path file(byte[] name) {
        return shares.get(set(name)).folder.resolve(owner + HexFormat.of().formatHex(name));
    }

    private static int set(byte[] name) {
        return Math.floorMod(ByteBuffer.wrap(name).getInt(), SETS);
    }

    private static byte[] name(String key) {
        byte[] bytes = key.getBytes(StandardCharsets.UTF_8);
        return digest(new byte[0], bytes, 0, bytes.length);
    }

    private static byte[] prefix(byte[] stored) {
        byte[] digest = new byte[DIGEST];
        System.arraycopy(stored, 0, digest, 0, DIGEST);
        return digest;
    }

    private static byte[] digest(byte[] name, byte[] content, int offset, int length) {
        try {
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            sha.update(name);
            sha.update(content, offset, length);
            return sha.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public void close() {
        Use all = use();
        if (all.hits + all.misses > 0) {
            LOG.info("{} of {} reads came from the cache in {}", all.hits, all.hits + all.misses, folder);
        }
    }
}
