package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import io.swav.checkpoint.pytorch.PickleGlobals.StorageRef;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The form of {@code torch.save} before PyTorch 1.6: five pickles, which are a magic number, the protocol, the machine's
 * sizes, the object, and the storages' keys; then for each key an int64 count of elements, and the elements.
 */
final class LegacyForm implements StorageBytes {
    private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final long PROTOCOL = 1001;

    private final FileChannel channel;
    private final Object object;
    private final Map<String, Long> starts = new HashMap<>();

    private LegacyForm(FileChannel channel, PickleGlobals globals) throws IOException {
        this.channel = channel;
        PickleInput in = new PickleInput(new BufferedInputStream(Channels.newInputStream(channel)));
        if (!MAGIC.equals(new PickleReader(in, globals).read())) {
            throw new PyTorchFileException("it is a pickle that torch.save did not write");
        }
        if (!Long.valueOf(PROTOCOL).equals(new PickleReader(in, globals).read())) {
            throw new PyTorchFileException("it has another protocol than " + PROTOCOL);
        }
        if (new PickleReader(in, globals).read() instanceof PickleDict machine
                && machine.get("little_endian").filter(Boolean.FALSE::equals).isPresent()) {
            throw new PyTorchFileException("its numbers are big endian, only little endian ones are read");
        }
        this.object = new PickleReader(in, globals).read();
        Object keys = new PickleReader(in, globals).read();
        if (!(keys instanceof List<?> list)) {
            throw PickleReader.damaged();
        }
        locate(list, globals.storages(), in.position());
    }

    static LegacyForm open(Path file, PickleGlobals globals) throws IOException {
        FileChannel channel = FileChannel.open(file);
        try {
            return new LegacyForm(channel, globals);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Finds where each storage lies, and checks that the file has all of them. */
    private void locate(List<?> keys, Map<String, StorageRef> storages, long first) throws IOException {
        long at = first;
        ByteBuffer count = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (Object key : keys) {
            StorageRef storage = key instanceof String name ? storages.get(name) : null;
            if (storage == null) {
                throw PickleReader.damaged();
            }
            readAll(at, count.clear());
            if (count.getLong(0) != storage.elements()) {
                throw new PyTorchFileException("its storage " + Shown.of(storage.key()) + " has " + count.getLong(0)
                        + " elements, its pickle says " + storage.elements());
            }
            starts.put(storage.key(), at + Long.BYTES);
            long left = channel.size() - at - Long.BYTES;
            if (storage.elements() > left / storage.type().width()) {
                throw truncated();
            }
            at += Long.BYTES + storage.elements() * storage.type().width();
        }
    }

    /** Returns what was saved. */
    Object object() {
        return object;
    }

    @Override
    public void read(StorageRef storage, long from, ByteBuffer into) throws IOException {
        Long start = starts.get(storage.key());
        if (start == null) {
            throw new PyTorchFileException("it has no storage " + Shown.of(storage.key()));
        }
        readAll(start + from, into);
    }

    private void readAll(long from, ByteBuffer into) throws IOException {
        for (long at = from; into.hasRemaining(); ) {
            int count = channel.read(into, at);
            if (count < 0) {
                throw truncated();
            }
            at += count;
        }
    }

    private static PyTorchFileException truncated() {
        return new PyTorchFileException("it ends in the middle of its storages: it is truncated");
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
