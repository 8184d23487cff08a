package io.swav.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Writes a safetensors file whose tensors arrive in pieces, one tensor after the other, and whose sizes are known only
 * at the end. The header's place is left free and filled last, so an unfinished file has no header.
 */
public final class StreamedSafetensors {
    /** The bytes that a header may need for the tensors' names, shapes and offsets. */
    private static final int ROOM = 4096;

    private final FileChannel channel;
    private final Map<String, String> metadata;
    private final int reserved;
    private final List<SafetensorsHeader.TensorSlot> finished = new ArrayList<>();
    private String name = "";
    private String dtype = "";
    private long from;
    private long at;

    /**
     * Begins a file.
     *
     * @param channel of an empty file; the caller closes it
     * @param metadata goes into the header's {@code __metadata__}
     */
    public StreamedSafetensors(FileChannel channel, Map<String, String> metadata) throws IOException {
        this.channel = channel;
        this.metadata = Map.copyOf(metadata);
        this.reserved = SafetensorsHeader.bytes(metadata, List.of()).remaining() + ROOM;
        channel.position(reserved);
    }

    /**
     * Begins a tensor.
     *
     * @param type for example F32, I64, U8
     */
    public void begin(String tensor, String type) {
        if (SafetensorsHeader.width(type) < 0) {
            throw new IllegalArgumentException(tensor + " has type " + type);
        }
        name = tensor;
        dtype = type;
        from = at;
    }

    /**
     * Appends values to the tensor, little endian.
     *
     * @throws NotFiniteTensorException if a value is not finite; it names the tensor and the element
     * @throws IOException if they cannot be written
     */
    public void append(ByteBuffer values) throws IOException {
        OptionalLong bad = FiniteValues.firstNotFinite(dtype, values);
        if (bad.isPresent()) {
            throw new NotFiniteTensorException(name, (at - from) / SafetensorsHeader.width(dtype) + bad.getAsLong());
        }
        at += values.remaining();
        while (values.hasRemaining()) {
            channel.write(values);
        }
    }

    /** Ends the tensor; what was appended must be as much as this shape has. */
    public void end(List<Long> shape) {
        SafetensorsHeader.TensorSlot slot = new SafetensorsHeader.TensorSlot(name, dtype, shape, from, at);
        if (slot.bytes() != at - from) {
            throw new IllegalStateException(name + " has " + (at - from) + " bytes, not those of " + shape);
        }
        finished.add(slot);
    }

    /** Writes the header, and flushes all to the disk. */
    public void finish() throws IOException {
        ByteBuffer header = SafetensorsHeader.bytes(metadata, finished, reserved);
        channel.force(true);
        while (header.hasRemaining()) {
            channel.write(header, header.position());
        }
        channel.force(true);
    }
}
