package io.swav.checkpoint;

import ai.djl.ndarray.types.DataType;
import io.swav.api.Shown;
import io.swav.torch.HostMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The safetensors format (github.com/huggingface/safetensors): header length (8 bytes, little endian), JSON header
 * padded with spaces to a multiple of 8, then the values without gaps. Files are written as a stream, so a model needs
 * no second copy in memory.
 */
public final class Safetensors {
    private static final int CHUNK = 1 << 20;

    private Safetensors() {}

    /**
     * Writes and fsyncs a file.
     *
     * @param metadata goes into the header's {@code __metadata__}
     * @throws IOException if it cannot be written, or a value is not finite; the message names the tensor
     */
    public static void write(Path file, Map<String, HostTensor> tensors, Map<String, String> metadata)
            throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            write(channel, tensors, metadata);
            channel.force(true);
        }
    }

    static void write(WritableByteChannel channel, Map<String, HostTensor> tensors, Map<String, String> metadata)
            throws IOException {
        List<Map.Entry<String, HostTensor>> entries = new ArrayList<>(tensors.entrySet());
        // wide types first keep every tensor aligned; sorted names make equal states equal files
        entries.sort(Comparator.<Map.Entry<String, HostTensor>>comparingInt(
                        entry -> -entry.getValue().type().getNumOfBytes())
                .thenComparing(Map.Entry.comparingByKey()));
        List<SafetensorsHeader.TensorSlot> slots = new ArrayList<>();
        long at = 0;
        for (Map.Entry<String, HostTensor> entry : entries) {
            HostTensor tensor = entry.getValue();
            if (dtype(tensor).isEmpty()) {
                throw new IllegalArgumentException(entry.getKey() + " has type " + tensor.type());
            }
            long end = at + tensor.bytes().capacity();
            slots.add(new SafetensorsHeader.TensorSlot(entry.getKey(), dtype(tensor), tensor.shape(), at, end));
            at = end;
        }
        writeAll(channel, SafetensorsHeader.bytes(metadata, slots));
        for (Map.Entry<String, HostTensor> entry : entries) {
            ByteBuffer bytes = entry.getValue().bytes().duplicate().clear();
            OptionalLong bad = FiniteValues.firstNotFinite(dtype(entry.getValue()), bytes);
            if (bad.isPresent()) {
                throw new NotFiniteTensorException(entry.getKey(), bad.getAsLong());
            }
            writeAll(channel, bytes);
        }
    }

    private static String dtype(HostTensor tensor) {
        return SafetensorsHeader.TYPES.getOrDefault(tensor.type(), "");
    }

    private static void writeAll(WritableByteChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /**
     * Reads a file.
     *
     * @throws IOException if the file is missing or not of the format; the message names it
     */
    public static Map<String, HostTensor> read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return read(channel, channel.size(), file.toString());
        }
    }

    /**
     * Reads a whole file from its beginning, in one pass.
     *
     * @param size bytes of the file
     * @param name for messages
     * @throws CorruptCheckpointException if the file breaks the format's rules, or a value is not finite
     * @throws IOException also if there is not enough memory now
     */
    static Map<String, HostTensor> read(ReadableByteChannel channel, long size, String name) throws IOException {
        long machine = new HostMemory(Path.of("/")).total().orElse(Long.MAX_VALUE);
        if (size > machine) {
            throw new CorruptCheckpointException(
                    name + " has " + size + " bytes, this machine has " + machine + " bytes of memory");
        }
        Map<String, HostTensor> tensors = new LinkedHashMap<>();
        for (SafetensorsHeader.TensorSlot slot : header(channel, size, name)) {
            ByteBuffer bytes = allocate((int) slot.bytes(), name);
            SafetensorsHeader.readAll(channel, bytes, name);
            requireFinite(slot, bytes.clear(), 0, name);
            tensors.put(slot.name(), tensor(slot, bytes));
        }
        return tensors;
    }

    private static ByteBuffer allocate(int bytes, String name) throws IOException {
        try {
            return ByteBuffer.allocateDirect(bytes);
        } catch (OutOfMemoryError e) {
            throw new IOException(
                    "there is not enough memory to read " + name + " (" + e.getMessage()
                            + "): raise the pod's memory, or -XX:MaxDirectMemorySize",
                    e);
        }
    }

    /** Reads a whole file, and checks it as {@link #read} does, in the memory of one chunk. Returns its size. */
    static long check(ReadableByteChannel channel, long size, String name) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
        for (SafetensorsHeader.TensorSlot slot : header(channel, size, name)) {
            for (long at = 0; at < slot.bytes(); at += chunk.limit()) {
                chunk.clear().limit((int) Math.min(CHUNK, slot.bytes() - at));
                SafetensorsHeader.readAll(channel, chunk, name);
                requireFinite(slot, chunk.flip(), at / SafetensorsHeader.width(slot.dtype()), name);
            }
        }
        return size;
    }

    /** @param before number of the tensor's elements before these bytes */
    private static void requireFinite(SafetensorsHeader.TensorSlot slot, ByteBuffer bytes, long before, String name)
            throws CorruptCheckpointException {
        OptionalLong bad = FiniteValues.firstNotFinite(slot.dtype(), bytes);
        if (bad.isPresent()) {
            throw new CorruptCheckpointException(
                    name + ": " + NotFiniteTensorException.describe(Shown.of(slot.name()), before + bad.getAsLong()));
        }
    }

    /** Reads the header of a file whose tensors fit buffers. */
    private static List<SafetensorsHeader.TensorSlot> header(ReadableByteChannel channel, long size, String name)
            throws IOException {
        return SafetensorsHeader.read(channel, size, name, Integer.MAX_VALUE).tensors();
    }

    /** Creates a tensor. Half precision is converted to F32, which represents all of its values. */
    private static HostTensor tensor(SafetensorsHeader.TensorSlot slot, ByteBuffer bytes) {
        if (SafetensorsHeader.width(slot.dtype()) == 2) {
            return new HostTensor(DataType.FLOAT32, slot.shape(), HalfPrecision.widened(slot.dtype(), bytes));
        }
        DataType type = SafetensorsHeader.TYPES.entrySet().stream()
                .filter(entry -> entry.getValue().equals(slot.dtype()))
                .findFirst()
                .orElseThrow()
                .getKey();
        return new HostTensor(type, slot.shape(), bytes);
    }
}
