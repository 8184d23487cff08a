package io.swav.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of one checkpoint in a store, {@code step-N/}, and their verification. {@link CheckpointCatalog} decides
 * which checkpoints exist and which of them are used.
 */
final class CheckpointFiles {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointFiles.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    static final String MODEL = "model.safetensors";
    static final String OPTIMIZER = "optimizer.safetensors";
    static final String STATE = "state.json";

    private static final int CHUNK = 1 << 20;

    private final Store store;

    CheckpointFiles(Store store) {
        this.store = store;
    }

    static String at(long step) {
        return "step-" + step;
    }

    /**
     * Writes both large files, then waits until both are complete: ranks that share them need not wait for each other.
     *
     * @param config digest of the writer's configuration, for the files' metadata
     */
    static Map<String, Manifest.ManifestEntry> writeTensors(Store.Draft draft, Checkpoint checkpoint, String config)
            throws IOException {
        Map<String, String> metadata =
                Map.of("format", "pt", "step", Long.toString(checkpoint.state().step()), "config", config);
        Map<String, Manifest.ManifestEntry> files = new TreeMap<>();
        try (Store.Sink model = draft.createShared(MODEL);
                Store.Sink optimizer = draft.createShared(OPTIMIZER)) {
            files.put(MODEL, write(model, checkpoint.model(), metadata));
            files.put(OPTIMIZER, write(optimizer, checkpoint.optimizer(), metadata));
            model.commit();
            optimizer.commit();
        }
        return files;
    }

    private static Manifest.ManifestEntry write(
            Store.Sink sink, Map<String, HostTensor> tensors, Map<String, String> metadata) throws IOException {
        DigestingChannels digests = new DigestingChannels();
        Safetensors.write(digests.over(sink), tensors, metadata);
        return digests.entry();
    }

    static Manifest.ManifestEntry writeState(Store.Draft draft, CheckpointState state) throws IOException {
        byte[] json = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(state);
        try (Store.Sink sink = draft.create(STATE)) {
            DigestingChannels digests = new DigestingChannels();
            digests.over(sink).write(ByteBuffer.wrap(json));
            sink.commit();
            return digests.entry();
        }
    }

    /**
     * Reads the tensors of one file.
     *
     * @param file {@link #MODEL} or {@link #OPTIMIZER}
     */
    Map<String, HostTensor> tensors(long step, Manifest manifest, String file) throws IOException {
        return read(step, manifest, file, Safetensors::read);
    }

    /**
     * Checks one file in full.
     *
     * @throws CorruptCheckpointException unless every byte is what the manifest says, and every value is finite
     */
    void check(long step, Manifest manifest, String file) throws IOException {
        if (file.equals(MODEL) || file.equals(OPTIMIZER)) {
            read(step, manifest, file, Safetensors::check);
        } else {
            read(step, manifest, file, CheckpointFiles::pass);
        }
    }

    Manifest manifest(long step) throws IOException {
        Manifest manifest = Manifest.parse(small(at(step) + "/" + Manifest.NAME));
        for (String file : List.of(MODEL, OPTIMIZER, STATE)) {
            if (!manifest.files().containsKey(file)) {
                throw new CorruptCheckpointException(Manifest.NAME + " is damaged: it does not name " + file);
            }
        }
        return manifest;
    }

    CheckpointState state(long step, Manifest manifest) throws IOException {
        byte[] json = read(step, manifest, STATE, CheckpointFiles::bytes);
        try {
            CheckpointState state = JSON.readValue(json, CheckpointState.class);
            if (state != null && state.step() == step && state.isPlausible()) {
                return state;
            }
        } catch (JsonProcessingException e) {
            LOG.debug("{}", e.toString());
        }
        throw new CorruptCheckpointException(STATE + " is not the state of step " + step);
    }

    @FunctionalInterface
    private interface Reader<T> {
        T read(ReadableByteChannel channel, long size, String name) throws IOException;
    }

    /** Reads one file in one pass, and compares it with the manifest. */
    private <T> T read(long step, Manifest manifest, String file, Reader<T> reader) throws IOException {
        Manifest.ManifestEntry expected = manifest.files().get(file);
        String name = at(step) + "/" + manifest.location() + file;
        try (Store.Source source = store.open(name)) {
            DigestingChannels digests = new DigestingChannels();
            if (expected == null || source.size() != expected.bytes()) {
                throw new CorruptCheckpointException(name + " is damaged: it has " + source.size()
                        + " bytes, its manifest says " + (expected == null ? 0 : expected.bytes()));
            }
            ReadableByteChannel channel = digests.over(source);
            return verified(
                    channel, source.size(), name, reader, () -> digests.entry().equals(expected));
        } catch (NoSuchFileException e) {
            throw new CorruptCheckpointException(name + " is missing");
        }
    }

    /**
     * Reads a channel to its end.
     *
     * @param intact whether the bytes that have passed are the manifest's
     * @throws CorruptCheckpointException if they are not, or what the reader says about those that are
     */
    private static <T> T verified(
            ReadableByteChannel channel, long size, String name, Reader<T> reader, BooleanSupplier intact)
            throws IOException {
        Optional<CorruptCheckpointException> refusal = Optional.empty();
        Optional<T> value = Optional.empty();
        try {
            value = Optional.ofNullable(reader.read(channel, size, name));
        } catch (CorruptCheckpointException e) {
            refusal = Optional.of(e);
        }
        pass(channel, size, name);
        if (!intact.getAsBoolean()) {
            throw new CorruptCheckpointException(name + " is damaged: its SHA-256 is not its manifest's");
        }
        if (refusal.isPresent()) {
            throw refusal.get();
        }
        return value.orElseThrow();
    }

    /** Reads a channel to its end. */
    private static long pass(ReadableByteChannel channel, long size, String name) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
        long passed = 0;
        for (int read = 0; read >= 0; read = channel.read(buffer.clear())) {
            passed += read;
        }
        return passed;
    }

    private byte[] small(String name) throws IOException {
        try (Store.Source source = store.open(name)) {
            return bytes(source, source.size(), name);
        } catch (NoSuchFileException e) {
            throw new CorruptCheckpointException(name + " is missing");
        }
    }

    private static byte[] bytes(ReadableByteChannel channel, long size, String name) throws IOException {
        if (size > CHUNK) {
            throw new CorruptCheckpointException(name + " has " + size + " bytes, a few hundred are expected");
        }
        ByteBuffer buffer = ByteBuffer.allocate((int) size);
        for (int read = 0; read >= 0 && buffer.hasRemaining(); ) {
            read = channel.read(buffer);
        }
        return buffer.array();
    }
}
