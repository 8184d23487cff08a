package io.swav.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.DataLedger;
import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * The index of a data set, in a file that is mapped into memory: where each sample lies, its size, label and name. It
 * takes Java heap for its class names alone. Numbers are big-endian; in this order:
 *
 * <pre>
 * header    128 bytes: magic; samples, files, place of names, place and length of the description
 * samples   32 bytes each: offset in the file, bytes, place of the name, file (unsigned), label
 * files     32 bytes each: place of the name, bytes, place of the version, unused
 * names     UTF-8, each after its length in 4 bytes
 * description  {@link IndexMeta}, JSON
 * digest    SHA-256 of everything before it
 * </pre>
 */
final class IndexFile {
    /** Its last byte is the version of the format. */
    static final long MAGIC =
            ByteBuffer.wrap("SWAVIDX\1".getBytes(StandardCharsets.US_ASCII)).getLong();

    static final int HEADER = 128;
    static final int RECORD = 32;
    static final int DIGEST = 32;
    static final ObjectMapper JSON = new ObjectMapper();

    private static final int BLOCK = 1 << 20;

    private final MappedBytes bytes;
    private final long samples;
    private final long files;
    private final long names;
    private final IndexMeta meta;

    private IndexFile(MappedBytes bytes) throws UnusableIndexException {
        this.bytes = bytes;
        this.samples = bytes.getLong(8);
        this.files = bytes.getLong(16);
        this.names = bytes.getLong(24);
        try {
            byte[] json = bytes.bytes(bytes.getLong(32), Math.toIntExact(bytes.getLong(40)));
            this.meta = JSON.readValue(new String(json, StandardCharsets.UTF_8), IndexMeta.class);
        } catch (IndexOutOfBoundsException | ArithmeticException e) {
            throw new UnusableIndexException("its header makes no sense: " + e.getMessage());
        } catch (JsonProcessingException e) {
            throw new UnusableIndexException("its description is of another version: " + e.getOriginalMessage());
        }
    }

    /** The file is no index, is damaged, or is of another version. It is built again. */
    @SuppressWarnings("serial")
    static final class UnusableIndexException extends IOException {
        UnusableIndexException(String message) {
            super(message);
        }
    }

    /**
     * Opens an index. The file may be removed while it is open, but not overwritten.
     *
     * @throws UnusableIndexException if it is no whole index of this version
     */
    static IndexFile open(Path file) throws IOException {
        requireDigest(file);
        return map(file);
    }

    /** Opens an index without reading it once to compare its digest. */
    static IndexFile map(Path file) throws IOException {
        return new IndexFile(MappedBytes.map(file));
    }

    private static void requireDigest(Path file) throws IOException {
        MessageDigest digest = sha256();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long content = channel.size() - DIGEST;
            if (content < HEADER) {
                throw new UnusableIndexException("it has only " + channel.size() + " bytes");
            }
            ByteBuffer block = ByteBuffer.allocate(BLOCK);
            if (channel.read(block.limit(Long.BYTES), 0) < Long.BYTES || block.getLong(0) != MAGIC) {
                throw new UnusableIndexException("it is not an index of this version");
            }
            for (long at = 0; at < content; at += block.position()) {
                block.clear().limit((int) Math.min(BLOCK, content - at));
                if (channel.read(block, at) <= 0) {
                    throw new UnusableIndexException("it was cut off while it was read");
                }
                digest.update(block.array(), 0, block.position());
            }
            if (!Arrays.equals(digest.digest(), OpenFiles.read(channel, content, DIGEST))) {
                throw new UnusableIndexException("its digest does not match: it is damaged");
            }
        }
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Writes the whole index to a file, which is replaced. */
    void copyTo(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            bytes.writeTo(channel);
        }
    }

    /** Whether this index begins with all sets that a training has seen. */
    boolean covers(DataLedger ledger) {
        return ledger.sets().stream()
                .allMatch(set -> meta.sets().contains(new DataFingerprint(set.samples(), set.digest())));
    }

    IndexMeta meta() {
        return meta;
    }

    long samples() {
        return samples;
    }

    long files() {
        return files;
    }

    private long sampleRecord(long sample) {
        if (sample < 0 || sample >= samples) {
            throw new IndexOutOfBoundsException("sample " + sample + " of " + samples);
        }
        return HEADER + RECORD * sample;
    }

    long offset(long sample) {
        return bytes.getLong(sampleRecord(sample));
    }

    /** The size of the encoded image; −1 if it does not exist. */
    long bytes(long sample) {
        return bytes.getLong(sampleRecord(sample) + 8);
    }

    /** The name of the sample's entry in its shard; of an image that is a file of its own, the file's name. */
    String name(long sample) {
        return text(bytes.getLong(sampleRecord(sample) + 16));
    }

    /** The number of the file that holds the sample. */
    long file(long sample) {
        return Integer.toUnsignedLong(bytes.getInt(sampleRecord(sample) + 24));
    }

    int label(long sample) {
        return bytes.getInt(sampleRecord(sample) + 28);
    }

    SourceFile sourceFile(long file) {
        if (file < 0 || file >= files) {
            throw new IndexOutOfBoundsException("file " + file + " of " + files);
        }
        long at = HEADER + RECORD * (samples + file);
        return new SourceFile(text(bytes.getLong(at)), bytes.getLong(at + 8), text(bytes.getLong(at + 16)));
    }

    private String text(long place) {
        int length = ByteBuffer.wrap(bytes.bytes(names + place, Integer.BYTES)).getInt();
        return new String(bytes.bytes(names + place + Integer.BYTES, length), StandardCharsets.UTF_8);
    }
}
