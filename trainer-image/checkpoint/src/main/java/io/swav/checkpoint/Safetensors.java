package io.swav.checkpoint;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.Shown;
import io.swav.torch.HostMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
import java.util.TreeMap;

/**
 * The safetensors format (github.com/huggingface/safetensors): header length (8 bytes, little endian), JSON header
 * padded with spaces to a multiple of 8, then the values without gaps. Files are written as a stream, so a model needs
 * no second copy in memory.
 */
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<DataType, String> TYPES =
            Map.of(DataType.FLOAT32, "F32", DataType.FLOAT64, "F64", DataType.INT64, "I64", DataType.INT32, "I32");
    /** The format allows 100 MB, whose tree of JSON would take more than a gigabyte. A tensor takes about 100 bytes. */
    private static final int MAX_HEADER = 8 << 20;

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
        ObjectNode header = JSON.createObjectNode();
        header.set("__metadata__", JSON.valueToTree(new TreeMap<>(metadata)));
        long at = 0;
        for (Map.Entry<String, HostTensor> entry : entries) {
            HostTensor tensor = entry.getValue();
            String type = TYPES.get(tensor.type());
            if (type == null) {
                throw new IllegalArgumentException(entry.getKey() + " has type " + tensor.type());
            }
            ObjectNode node = header.putObject(entry.getKey()).put("dtype", type);
            node.set("shape", JSON.valueToTree(tensor.shape()));
            node.putArray("data_offsets").add(at).add(at + tensor.bytes().capacity());
            at += tensor.bytes().capacity();
        }
        byte[] json = JSON.writeValueAsBytes(header);
        int padded = (json.length + 7) / 8 * 8;
        ByteBuffer head = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
        head.putLong(padded).put(json);
        while (head.hasRemaining()) {
            head.put((byte) ' ');
        }
        writeAll(channel, head.flip());
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
        return TYPES.getOrDefault(tensor.type(), "");
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
        for (TensorSlot slot : header(channel, size, name)) {
            ByteBuffer bytes = allocate((int) slot.bytes(), name);
            readAll(channel, bytes, name);
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
        for (TensorSlot slot : header(channel, size, name)) {
            for (long at = 0; at < slot.bytes(); at += chunk.limit()) {
                chunk.clear().limit((int) Math.min(CHUNK, slot.bytes() - at));
                readAll(channel, chunk, name);
                requireFinite(slot, chunk.flip(), at / width(slot.dtype()), name);
            }
        }
        return size;
    }

    /** @param before number of the tensor's elements before these bytes */
    private static void requireFinite(TensorSlot slot, ByteBuffer bytes, long before, String name)
            throws CorruptCheckpointException {
        OptionalLong bad = FiniteValues.firstNotFinite(slot.dtype(), bytes);
        if (bad.isPresent()) {
            throw new CorruptCheckpointException(
                    name + ": " + NotFiniteTensorException.describe(Shown.of(slot.name()), before + bad.getAsLong()));
        }
    }

    /** Reads the header, and returns the tensors in the order of their bytes, which fill the file without a gap. */
    private static List<TensorSlot> header(ReadableByteChannel channel, long size, String name) throws IOException {
        ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        readAll(channel, length, name);
        long headerLength = length.getLong(0);
        if (headerLength < 2 || headerLength > Math.min(MAX_HEADER, size - 8)) {
            throw new CorruptCheckpointException(
                    name + " is not a safetensors file: header of " + headerLength + " bytes");
        }
        ByteBuffer json = ByteBuffer.allocate((int) headerLength);
        readAll(channel, json, name);
        List<TensorSlot> slots = slots(json.array(), name);
        long at = 0;
        for (TensorSlot slot : slots) {
            if (slot.from() != at || slot.bytes() < 0 || slot.bytes() != slot.to() - slot.from()) {
                throw new CorruptCheckpointException(name + ": " + Shown.of(slot.name()) + " lies at " + slot.from()
                        + " to " + slot.to() + " and has " + slot.bytes() + " bytes, the one before ends at " + at);
            }
            at = slot.to();
        }
        if (8 + headerLength + at != size) {
            throw new CorruptCheckpointException(name + " has " + size + " bytes, its header describes "
                    + (8 + headerLength + at) + ": it is truncated or not whole");
        }
        return slots;
    }

    /** One tensor of the header; offsets count from the end of the header. */
    private record TensorSlot(String name, String dtype, List<Long> shape, long from, long to) {
        /** Returns the number of bytes for this type and shape, −1 if a buffer cannot hold that many. */
        long bytes() {
            long bytes = width(dtype);
            try {
                for (long side : shape) {
                    bytes = Math.multiplyExact(bytes, side);
                }
            } catch (ArithmeticException e) {
                return -1;
            }
            return bytes <= Integer.MAX_VALUE ? bytes : -1;
        }
    }

    private static List<TensorSlot> slots(byte[] json, String name) throws IOException {
        List<TensorSlot> slots = new ArrayList<>();
        for (Map.Entry<String, JsonNode> field : tree(json, name).properties()) {
            if (!field.getKey().equals("__metadata__")) {
                slots.add(slot(field.getKey(), field.getValue(), name));
            }
        }
        slots.sort(Comparator.comparingLong(TensorSlot::from).thenComparingLong(TensorSlot::to));
        for (TensorSlot slot : slots) {
            if (width(slot.dtype()) < 0) {
                throw new CorruptCheckpointException(name + ": " + Shown.of(slot.name()) + " has dtype "
                        + Shown.of(slot.dtype())
                        + ", this trainer reads F16, BF16, F32, F64, I32, I64");
            }
        }
        return slots;
    }

    private static JsonNode tree(byte[] json, String name) throws IOException {
        try {
            JsonNode tree = JSON.readTree(json);
            if (tree.isObject()) {
                return tree;
            }
        } catch (JsonProcessingException e) {
            // reported below
        }
        throw new CorruptCheckpointException(name + " is not a safetensors file: its header is not JSON");
    }

    private static TensorSlot slot(String tensor, JsonNode node, String name) throws CorruptCheckpointException {
        List<Long> shape = new ArrayList<>();
        for (JsonNode side : node.path("shape")) {
            if (!side.isIntegralNumber() || !side.canConvertToLong() || side.longValue() < 0) {
                throw new CorruptCheckpointException(
                        name + ": " + Shown.of(tensor) + " has a side of " + Shown.of(side.toString()));
            }
            shape.add(side.longValue());
        }
        JsonNode offsets = node.path("data_offsets");
        return new TensorSlot(
                tensor,
                node.path("dtype").asText(),
                shape,
                offsets.path(0).asLong(-1),
                offsets.path(1).asLong(-1));
    }

    /** Returns the bytes of an element, −1 for an unsupported type. */
    private static int width(String dtype) {
        if (dtype.equals("F16") || dtype.equals("BF16")) {
            return 2;
        }
        return TYPES.entrySet().stream()
                .filter(entry -> entry.getValue().equals(dtype))
                .mapToInt(entry -> entry.getKey().getNumOfBytes())
                .findFirst()
                .orElse(-1);
    }

    /** Creates a tensor. Half precision is converted to F32, which represents all of its values. */
    private static HostTensor tensor(TensorSlot slot, ByteBuffer bytes) {
        if (width(slot.dtype()) == 2) {
            return widened(slot, bytes.order(ByteOrder.LITTLE_ENDIAN));
        }
        DataType type = TYPES.entrySet().stream()
                .filter(entry -> entry.getValue().equals(slot.dtype()))
                .findFirst()
                .orElseThrow()
                .getKey();
        return new HostTensor(type, slot.shape(), bytes);
    }

    private static HostTensor widened(TensorSlot slot, ByteBuffer halves) {
        ByteBuffer wide = ByteBuffer.allocateDirect(Math.multiplyExact(2, halves.capacity()))
                .order(ByteOrder.LITTLE_ENDIAN);
        while (halves.hasRemaining()) {
            short bits = halves.getShort();
            wide.putFloat(slot.dtype().equals("BF16") ? Float.intBitsToFloat(bits << 16) : half(bits));
        }
        return new HostTensor(DataType.FLOAT32, slot.shape(), wide.clear());
    }

    /** Converts IEEE 754 binary16. */
    private static float half(short bits) {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        float magnitude = exponent == 31
                ? fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN
                : exponent == 0 ? fraction * 0x1p-24f : (1024 + fraction) * (float) Math.scalb(1.0, exponent - 25);
        return bits < 0 ? -magnitude : magnitude;
    }

    private static void readAll(ReadableByteChannel channel, ByteBuffer into, String name) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into) < 0) {
                throw new CorruptCheckpointException(name + " is truncated");
            }
        }
    }
}
