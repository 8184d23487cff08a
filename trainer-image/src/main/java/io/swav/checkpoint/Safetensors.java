package io.swav.checkpoint;

import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The safetensors format (github.com/huggingface/safetensors): header length (8 bytes, little endian), JSON header
 * padded by spaces to a multiple of 8, then the values without a gap. Written as a stream, so that a model needs no
 * second copy in memory.
 */
public final class Safetensors {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<DataType, String> TYPES =
            Map.of(DataType.FLOAT32, "F32", DataType.FLOAT64, "F64", DataType.INT64, "I64", DataType.INT32, "I32");
    private static final int MAX_HEADER = 100 << 20;

    private Safetensors() {}

    /**
     * Writes and fsyncs a file.
     *
     * @param metadata goes into the header's {@code __metadata__}
     */
    public static void write(Path file, Map<String, HostTensor> tensors, Map<String, String> metadata)
            throws IOException {
        List<Map.Entry<String, HostTensor>> entries = new ArrayList<>(tensors.entrySet());
        // wide types first keep every tensor aligned; names in order make equal states equal files
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
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            writeAll(channel, head.flip());
            for (Map.Entry<String, HostTensor> entry : entries) {
                writeAll(channel, entry.getValue().bytes().duplicate().clear());
            }
            channel.force(true);
        }
    }

    private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** @throws IOException when the file is missing or not of the format; the message names it */
    public static Map<String, HostTensor> read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            readAll(channel, length, file);
            long headerLength = length.getLong(0);
            if (headerLength < 2 || headerLength > Math.min(MAX_HEADER, Files.size(file) - 8)) {
                throw new IOException(file + " is no safetensors file: header of " + headerLength + " bytes");
            }
            ByteBuffer json = ByteBuffer.allocate((int) headerLength);
            readAll(channel, json, file);
            Map<String, HostTensor> tensors = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> field : JSON.readTree(json.array()).properties()) {
                if (!field.getKey().equals("__metadata__")) {
                    tensors.put(field.getKey(), tensor(channel, 8 + headerLength, field.getValue(), file));
                }
            }
            return tensors;
        }
    }

    private static HostTensor tensor(FileChannel channel, long base, JsonNode node, Path file) throws IOException {
        try {
            String dtype = node.path("dtype").asText();
            DataType type = TYPES.entrySet().stream()
                    .filter(entry -> entry.getValue().equals(dtype))
                    .map(Map.Entry::getKey)
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("unknown dtype " + dtype));
            List<Long> shape = new ArrayList<>();
            node.path("shape").forEach(side -> shape.add(side.asLong()));
            long from = node.path("data_offsets").path(0).asLong();
            long to = node.path("data_offsets").path(1).asLong();
            ByteBuffer bytes = ByteBuffer.allocateDirect(Math.toIntExact(to - from));
            channel.position(base + from);
            readAll(channel, bytes, file);
            return new HostTensor(type, shape, bytes.clear());
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private static void readAll(FileChannel channel, ByteBuffer into, Path file) throws IOException {
        while (into.hasRemaining()) {
            if (channel.read(into) < 0) {
                throw new IOException(file + " is truncated");
            }
        }
    }
}
