package io.swav.trainer;

import io.swav.checkpoint.DraftWriter;
import io.swav.checkpoint.Store;
import io.swav.data.IndexHome;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Keeps the data's index in the folder {@code data-index} of the checkpoint store, for data that cannot be written to. It
 * is no checkpoint: it is neither listed nor removed with them, and any training with the same data may use it.
 */
final class StoreIndexHome implements IndexHome {
    private static final String FOLDER = "data-index/";

    private final Store store;
    private final DraftWriter writer;

    /** @param process a name that no other process has, for unfinished files */
    StoreIndexHome(Store store, String process) {
        this.store = store;
        this.writer = new DraftWriter(process, 0);
    }

    @Override
    public String uri() {
        return store.uri() + "/" + FOLDER;
    }

    @Override
    public boolean fetch(String name, Path to) throws IOException {
        try (OutputStream out = Files.newOutputStream(to)) {
            return copy(name, out);
        }
    }

    private boolean copy(String name, OutputStream out) throws IOException {
        try (InputStream in = Channels.newInputStream(store.open(FOLDER + name))) {
            in.transferTo(out);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    @Override
    public Optional<byte[]> read(String name) throws IOException {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        return copy(name, content) ? Optional.of(content.toByteArray()) : Optional.empty();
    }

    @Override
    public void store(String name, Path from) throws IOException {
        try (InputStream in = Files.newInputStream(from);
                Store.Sink sink = store.create(FOLDER + name, writer)) {
            in.transferTo(Channels.newOutputStream(sink));
            sink.commit();
        }
    }

    @Override
    public void write(String name, byte[] content) throws IOException {
        try (Store.Sink sink = store.create(FOLDER + name, writer)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                sink.write(bytes);
            }
            sink.commit();
        }
    }

    @Override
    public void remove(String name) throws IOException {
        store.delete(FOLDER + name);
    }
}
