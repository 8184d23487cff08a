package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.util.function.IntUnaryOperator;

/**
 * Writes an {@link IndexFile}: samples and files in their order, then everything else. Samples are written to temporary
 * files as they come, so that no index is too large for memory.
 */
final class IndexWriter implements AutoCloseable {
    private static final int BLOCK = 1 << 16;
    /** Files that all have the same version, such as an empty one, have it once. */
    private static final long NO_PLACE = -1;

    private final Path folder;
    private final Part samples;
    private final Part files;
    private final Part names;
    private final DataFingerprint.Digest fingerprint = new DataFingerprint.Digest();
    private final ByteBuffer record = ByteBuffer.allocate(IndexFile.RECORD);
    private long sampleCount;
    private long fileCount;
    private String fileName = "";
    private String lastVersion = "";
    private long lastVersionPlace = NO_PLACE;

    /** @param folder for temporary files, as large as the index */
    IndexWriter(Path folder) throws IOException {
        this.folder = folder;
        this.samples = new Part(folder);
        this.files = new Part(folder);
        this.names = new Part(folder);
    }

    private static final class Part {
        private final Path path;
        private final OutputStream out;
        private long bytes;

        Part(Path folder) throws IOException {
            path = Files.createTempFile(folder, "index", ".part");
            out = new BufferedOutputStream(Files.newOutputStream(path), BLOCK);
        }

        void write(byte[] content) throws IOException {
            out.write(content);
            bytes += content.length;
        }
    }

    private long text(String text) throws IOException {
        long place = names.bytes;
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        names.write(ByteBuffer.allocate(Integer.BYTES).putInt(utf8.length).array());
        names.write(utf8);
        return place;
    }

    /** Adds the file that the next samples are in. Returns the place of its name. */
    long addFile(SourceFile file) throws IOException {
        if (fileCount > 0xffffffffL) {
            throw new IOException("an index holds at most 2^32 files");
        }
        long name = text(file.name());
        if (lastVersionPlace == NO_PLACE || !lastVersion.equals(file.version())) {
            lastVersion = file.version();
            lastVersionPlace = text(lastVersion);
        }
        record.clear()
                .putLong(name)
                .putLong(file.bytes())
                .putLong(lastVersionPlace)
                .putLong(0);
        files.write(record.array());
        fileName = file.name();
        fileCount++;
        return name;
    }

    /** Adds a sample of the last file, a shard. */
    void addEntry(String entry, long offset, long bytes, int label) throws IOException {
        add(text(entry), fileName + ":" + entry, offset, bytes, label);
    }

    /** Adds an image that is a file of its own. */
    void addImage(SourceFile file, int label) throws IOException {
        add(addFile(file), file.name(), 0, file.bytes(), label);
    }

    private void add(long name, String place, long offset, long bytes, int label) throws IOException {
        record.clear()
                .putLong(offset)
                .putLong(bytes)
                .putLong(name)
                .putInt((int) (fileCount - 1))
                .putInt(label);
        samples.write(record.array());
        fingerprint.add(place, bytes);
        sampleCount++;
    }

    /** Returns the fingerprint of the samples that were added so far. */
    DataFingerprint fingerprint() {
        return fingerprint.result();
    }

    /**
     * Writes the index and returns its file, which the caller moves or removes.
     *
     * @param labels maps those that were added to those that are written
     */
    Path finish(IndexMeta meta, IntUnaryOperator labels) throws IOException {
        closeParts();
        byte[] json = IndexFile.JSON.writeValueAsBytes(meta);
        long namesPlace = IndexFile.HEADER + samples.bytes + files.bytes;
        byte[] header = ByteBuffer.allocate(IndexFile.HEADER)
                .putLong(IndexFile.MAGIC)
                .putLong(sampleCount)
                .putLong(fileCount)
                .putLong(namesPlace)
                .putLong(namesPlace + names.bytes)
                .putLong(json.length)
                .array();
        Path index = Files.createTempFile(folder, "index", ".new");
        try (OutputStream file = Files.newOutputStream(index);
                DigestOutputStream digesting = new DigestOutputStream(file, IndexFile.sha256());
                OutputStream out = new BufferedOutputStream(digesting, BLOCK)) {
            out.write(header);
            copySamples(out, labels);
            Files.copy(files.path, out);
            Files.copy(names.path, out);
            out.write(json);
            out.flush();
            file.write(digesting.getMessageDigest().digest());
        } catch (IOException | RuntimeException e) {
            Files.deleteIfExists(index);
            throw e;
        }
        return index;
    }

    private void copySamples(OutputStream to, IntUnaryOperator labels) throws IOException {
        byte[] block = new byte[IndexFile.RECORD * 1024];
        try (InputStream from = Files.newInputStream(samples.path)) {
            for (int read = from.readNBytes(block, 0, block.length);
                    read > 0;
                    read = from.readNBytes(block, 0, block.length)) {
                ByteBuffer records = ByteBuffer.wrap(block);
                for (int label = IndexFile.RECORD - Integer.BYTES; label < read; label += IndexFile.RECORD) {
                    records.putInt(label, labels.applyAsInt(records.getInt(label)));
                }
                to.write(block, 0, read);
            }
        }
    }

    private void closeParts() throws IOException {
        samples.out.close();
        files.out.close();
        names.out.close();
    }

    @Override
    public void close() throws IOException {
        closeParts();
        Files.deleteIfExists(samples.path);
        Files.deleteIfExists(files.path);
        Files.deleteIfExists(names.path);
    }
}
