package io.swav.checkpoint;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.Shown;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The header of a safetensors file: what the file holds, and where.
 *
 * @param metadata texts by name
 * @param tensors in the order of their bytes, which fill the file without a gap
 * @param start byte of the file that the tensors' offsets count from
 */
public record SafetensorsHeader(Map<String, String> metadata, List<TensorSlot> tensors, long start) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String METADATA = "__metadata__";
    static final Map<DataType, String> TYPES = Map.of(
            DataType.FLOAT32,
            "F32",
            DataType.FLOAT64,
            "F64",
            DataType.INT64,
            "I64",
            DataType.INT32,
            "I32",
            DataType.UINT8,
            "U8");
    /** The format allows 100 MB, whose tree of JSON would take more than a gigabyte. A tensor takes about 100 bytes. */
    private static final int MAX_HEADER = 8 << 20;

    /** The bytes of the length before the header. */
    private static final int LENGTH = 8;

    /**
     * One tensor.
     *
     * @param from first byte, from {@link #start}
     * @param to exclusive
     */
    public record TensorSlot(String name, String dtype, List<Long> shape, long from, long to) {
        /** Returns the number of bytes for this type and shape, −1 if that is no number. */
        long bytes() {
            long bytes = width(dtype);
            try {
                for (long side : shape) {
                    bytes = Math.multiplyExact(bytes, side);
                }
            } catch (ArithmeticException e) {
                return -1;
            }
            return bytes;
        }
    }

    /** Returns the tensor of this name. */
    public Optional<TensorSlot> tensor(String name) {
        return tensors.stream().filter(slot -> slot.name().equals(name)).findFirst();
    }

    /**
     * Reads the header of a file whose tensors may be larger than a buffer can be.
     *
     * @throws CorruptCheckpointException if the file breaks the format's rules; the message names it
     * @throws IOException if it cannot be read
     */
    public static SafetensorsHeader read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return read(channel, file.toString());
        }
    }

    /**
     * Reads the header of a file that is open at its beginning, as above.
     *
     * @param name for messages
     */
    public static SafetensorsHeader read(FileChannel channel, String name) throws IOException {
        return read(channel, channel.size(), name, Long.MAX_VALUE);
    }

    /**
     * Reads the header from the beginning of a channel.
     *
     * @param size bytes of the file
     * @param name for messages
     * @param largest bytes that a tensor may have
     */
    static SafetensorsHeader read(ReadableByteChannel channel, long size, String name, long largest)
            throws IOException {
        ByteBuffer length = ByteBuffer.allocate(LENGTH).order(ByteOrder.LITTLE_ENDIAN);
        readAll(channel, length, name);
        long headerLength = length.getLong(0);
        if (headerLength < 2 || headerLength > Math.min(MAX_HEADER, size - LENGTH)) {
            throw new CorruptCheckpointException(
                    name + " is not a safetensors file: header of " + headerLength + " bytes");
        }
        ByteBuffer json = ByteBuffer.allocate((int) headerLength);
        readAll(channel, json, name);
        JsonNode tree = tree(json.array(), name);
        List<TensorSlot> slots = slots(tree, name);
        long at = 0;
        for (TensorSlot slot : slots) {
            long bytes = slot.bytes() > largest ? -1 : slot.bytes();
            if (slot.from() != at || bytes < 0 || bytes != slot.to() - slot.from()) {
                throw new CorruptCheckpointException(name + ": " + Shown.of(slot.name()) + " lies at " + slot.from()
                        + " to " + slot.to() + " and has " + bytes + " bytes, the one before ends at " + at);
            }
            at = slot.to();
        }
        long start = LENGTH + headerLength;
        if (start + at != size) {
            throw new CorruptCheckpointException(name + " has " + size + " bytes, its header describes " + (start + at)
                    + ": it is truncated or not whole");
        }
        return new SafetensorsHeader(metadata(tree), slots, start);
    }

    private static Map<String, String> metadata(JsonNode tree) {
        Map<String, String> metadata = new LinkedHashMap<>();
        tree.path(METADATA)
                .properties()
                .forEach(field -> metadata.put(field.getKey(), field.getValue().asText()));
        return metadata;
    }

    private static List<TensorSlot> slots(JsonNode tree, String name) throws IOException {
        List<TensorSlot> slots = new ArrayList<>();
        for (Map.Entry<String, JsonNode> field : tree.properties()) {
            if (!field.getKey().equals(METADATA)) {
                slots.add(slot(field.getKey(), field.getValue(), name));
            }
        }
        slots.sort(Comparator.comparingLong(TensorSlot::from).thenComparingLong(TensorSlot::to));
        for (TensorSlot slot : slots) {
            if (width(slot.dtype()) < 0) {
                throw new CorruptCheckpointException(name + ": " + Shown.of(slot.name()) + " has dtype "
                        + Shown.of(slot.dtype())
                        + ", this trainer reads F16, BF16, F32, F64, I32, I64, U8");
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
    static int width(String dtype) {
        if (dtype.equals("F16") || dtype.equals("BF16")) {
            return 2;
        }
        return TYPES.entrySet().stream()
                .filter(entry -> entry.getValue().equals(dtype))
                .mapToInt(entry -> entry.getKey().getNumOfBytes())
                .findFirst()
                .orElse(-1);
    }

    /** Returns the length, and the header padded with spaces to a multiple of 8. */
    static ByteBuffer bytes(Map<String, String> metadata, List<TensorSlot> tensors) throws IOException {
        byte[] json = json(metadata, tensors);
        return padded(json, (json.length + 7) / 8 * 8);
    }

    /**
     * Returns the length, and the header padded with spaces to {@code reserved} bytes in all.
     *
     * @throws IllegalArgumentException if the header is longer
     */
    static ByteBuffer bytes(Map<String, String> metadata, List<TensorSlot> tensors, int reserved) throws IOException {
        byte[] json = json(metadata, tensors);
        if (LENGTH + json.length > reserved) {
            throw new IllegalArgumentException(
                    "the header has " + json.length + " bytes, room was left for " + (reserved - LENGTH));
        }
        return padded(json, reserved - LENGTH);
    }

    private static byte[] json(Map<String, String> metadata, List<TensorSlot> tensors) throws IOException {
        ObjectNode header = JSON.createObjectNode();
        header.set(METADATA, JSON.valueToTree(new TreeMap<>(metadata)));
        for (TensorSlot tensor : tensors) {
            ObjectNode node = header.putObject(tensor.name()).put("dtype", tensor.dtype());
            node.set("shape", JSON.valueToTree(tensor.shape()));
            node.putArray("data_offsets").add(tensor.from()).add(tensor.to());
        }
        return JSON.writeValueAsBytes(header);
    }

    private static ByteBuffer padded(byte[] json, int length) {
        ByteBuffer head = ByteBuffer.allocate(LENGTH + length).order(ByteOrder.LITTLE_ENDIAN);
        head.putLong(length).put(json);
        while (head.hasRemaining()) {
            head.put((byte) ' ');
        }
        return head.flip();
    }

    static void readAll(ReadableByteChannel channel, ByteBuffer into, String name) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into) < 0) {
                throw new CorruptCheckpointException(name + " is truncated");
            }
        }
    }
}
