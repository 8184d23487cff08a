package io.swav.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.Optional;

/**
 * Keeps a job's history beside the checkpoints, {@code history/history.jsonl}: one small file that is replaced as a whole, so
 * that it is never torn, in a folder as in a bucket.
 */
public final class HistoryStore {
    /** The most bytes that are read: a file that is larger is not one of ours. */
    private static final int LARGEST = 16 << 20;

    private static final String NAME = "history/history.jsonl";

    private final Store store;
    private final StoreGuard guard;

    HistoryStore(Store store, StoreGuard guard) {
        this.store = store;
        this.guard = guard;
    }

    /** Returns where the history is kept. */
    public String uri() {
        return store.uri() + "/" + NAME;
    }

    /**
     * Returns the file; empty if there is none.
     *
     * @throws IOException if the store cannot be read, or the file is larger than any history
     */
    public Optional<byte[]> read() throws IOException {
        try (Store.Source source = store.open(NAME)) {
            if (source.size() > LARGEST) {
                throw new IOException(uri() + " has " + source.size() + " bytes, which no history has");
            }
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            ByteBuffer part = ByteBuffer.allocate(1 << 16);
            while (source.read(part) >= 0) {
                all.write(part.array(), 0, part.position());
                part.clear();
            }
            return Optional.of(all.toByteArray());
        } catch (NoSuchFileException none) {
            return Optional.empty();
        }
    }

    /**
     * Replaces the file.
     *
     * @param generation of the writer
     * @throws IOException if the store cannot be written, or belongs to another training
     */
    public void write(byte[] lines, long generation) throws IOException {
        guard.require();
        try (Store.Sink sink = store.create(NAME, guard.writer(generation))) {
            FolderStore.writeAll(sink, ByteBuffer.wrap(lines));
            sink.commit();
        }
    }
}
