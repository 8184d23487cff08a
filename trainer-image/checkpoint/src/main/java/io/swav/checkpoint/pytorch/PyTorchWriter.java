package io.swav.checkpoint.pytorch;

import io.swav.checkpoint.FiniteValues;
import io.swav.checkpoint.HostTensor;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes weights as {@code torch.save({"state_dict": tensors, "swav": metadata}, FILE)} does in zip form, for {@code
 * torch.load(FILE, weights_only=True)}. Equal weights make equal files.
 */
public final class PyTorchWriter {
    /** What zip archives begin their time with. */
    private static final LocalDateTime TIME = LocalDateTime.of(1980, 1, 1, 0, 0);

    /** The entry beside the weights that says what they are. */
    static final String METADATA = "swav";

    private static final String FOLDER = "archive/";
    private static final int CHUNK = 1 << 20;

    private PyTorchWriter() {}

    /**
     * Writes and fsyncs a file.
     *
     * @param metadata texts by name
     * @throws IOException if it cannot be written, or a value is not finite; the message names the tensor
     */
    public static void write(Path file, Map<String, HostTensor> tensors, Map<String, String> metadata)
            throws IOException {
        Map<String, HostTensor> sorted = new TreeMap<>(tensors);
        for (Map.Entry<String, HostTensor> entry : sorted.entrySet()) {
            OptionalLong bad = FiniteValues.firstNotFinite(
                    type(entry.getValue()).name(),
                    entry.getValue().bytes().duplicate().clear());
            if (bad.isPresent()) {
                throw new IOException(entry.getKey() + " holds NaN or infinity, first at element " + bad.getAsLong());
            }
        }
        try (FileChannel channel = FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE);
                ZipOutputStream zip =
                        new ZipOutputStream(new BufferedOutputStream(Channels.newOutputStream(channel), CHUNK))) {
            put(zip, "data.pkl", ByteBuffer.wrap(pickle(sorted, metadata)));
            put(zip, "byteorder", ByteBuffer.wrap("little".getBytes(StandardCharsets.US_ASCII)));
            int key = 0;
            for (HostTensor tensor : sorted.values()) {
                put(zip, "data/" + key++, tensor.bytes().duplicate().clear());
            }
            put(zip, "version", ByteBuffer.wrap("3\n".getBytes(StandardCharsets.US_ASCII)));
            zip.finish();
            zip.flush();
            channel.force(true);
        }
    }

    private static ElementType type(HostTensor tensor) {
        return switch (tensor.type()) {
            case FLOAT32 -> ElementType.F32;
            case FLOAT64 -> ElementType.F64;
            case INT64 -> ElementType.I64;
            case INT32 -> ElementType.I32;
            case UINT8 -> ElementType.U8;
            default -> throw new IllegalArgumentException("no tensor of type " + tensor.type() + " is written");
        };
    }

    /** Puts an entry that is not compressed, whose size and checksum stand before it. */
    private static void put(ZipOutputStream zip, String name, ByteBuffer bytes) throws IOException {
        CRC32 sum = new CRC32();
        sum.update(bytes.duplicate());
        ZipEntry entry = new ZipEntry(FOLDER + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(bytes.remaining());
        entry.setCrc(sum.getValue());
        entry.setTimeLocal(TIME);
        zip.putNextEntry(entry);
        byte[] chunk = new byte[Math.min(CHUNK, bytes.remaining())];
        while (bytes.hasRemaining()) {
            int count = Math.min(chunk.length, bytes.remaining());
            bytes.get(chunk, 0, count);
            zip.write(chunk, 0, count);
        }
        zip.closeEntry();
    }

    private static byte[] pickle(Map<String, HostTensor> tensors, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(new byte[] {(byte) 0x80, 2, '}', '('}); // protocol 2, a dictionary and the mark of its items
        text(bytes, "state_dict");
        bytes.write('}');
        int key = 0;
        for (Map.Entry<String, HostTensor> entry : tensors.entrySet()) {
            text(bytes, entry.getKey());
            tensor(bytes, entry.getValue(), key++);
            bytes.write('s');
        }
        text(bytes, METADATA);
        bytes.write('}');
        for (Map.Entry<String, String> entry : new TreeMap<>(metadata).entrySet()) {
            text(bytes, entry.getKey());
            text(bytes, entry.getValue());
            bytes.write('s');
        }
        bytes.write('u');
        bytes.write('.');
        return bytes.toByteArray();
    }

    /** Writes a call of {@code _rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)}. */
    private static void tensor(OutputStream out, HostTensor tensor, int key) throws IOException {
        ElementType type = type(tensor);
        List<Long> shape = tensor.shape();
        global(out, "torch._utils", "_rebuild_tensor_v2");
        out.write('(');
        out.write('(');
        text(out, "storage");
        global(out, "torch", type.storage());
        text(out, Integer.toString(key));
        text(out, "cpu");
        number(out, tensor.bytes().capacity() / type.width());
        out.write('t');
        out.write('Q');
        number(out, 0);
        out.write('(');
        for (long side : shape) {
            number(out, side);
        }
        out.write('t');
        out.write('(');
        for (int axis = 0; axis < shape.size(); axis++) {
            number(out, shape.stream().skip(axis + 1L).reduce(1L, (a, b) -> a * b));
        }
        out.write('t');
        out.write(0x89);
        global(out, "collections", "OrderedDict");
        out.write(')');
        out.write('R');
        out.write('t');
        out.write('R');
    }

    private static void global(OutputStream out, String module, String name) throws IOException {
        out.write(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private static void text(OutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.write('X');
        little(out, bytes.length, Integer.BYTES);
        out.write(bytes);
    }

    private static void number(OutputStream out, long value) throws IOException {
        boolean isSmall = value == (int) value;
        out.write(isSmall ? 'J' : 0x8a);
        if (!isSmall) {
            out.write(Long.BYTES);
        }
        little(out, value, isSmall ? Integer.BYTES : Long.BYTES);
    }

    private static void little(OutputStream out, long value, int bytes) throws IOException {
        out.write(
                ByteBuffer.allocate(Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(value)
                        .array(),
                0,
                bytes);
    }
}
