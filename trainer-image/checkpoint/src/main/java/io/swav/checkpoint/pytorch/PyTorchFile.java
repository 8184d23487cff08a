package io.swav.checkpoint.pytorch;

import ai.djl.ndarray.types.DataType;
import io.swav.api.Shown;
import io.swav.checkpoint.FiniteValues;
import io.swav.checkpoint.HalfPrecision;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.pytorch.PickleGlobals.TensorRef;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The weights of a file of {@code torch.save}, zip or legacy form. No code of the file is run, and no more memory is taken
 * than the file's size explains.
 *
 * @param at where in the file the weights are: keys joined by dots, empty if they are all of it
 * @param tensors by name, row-major; half precision became float32, which represents all of its values
 * @param leftOut what else the file holds, for messages
 */
public record PyTorchFile(String at, Map<String, HostTensor> tensors, List<String> leftOut) {
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    private static final int PROTO = 0x80;
    private static final int TAR_MAGIC = 257;
    /** How often tensors may view the bytes of a file: tied weights do twice, and half precision is widened to twice. */
    private static final long MAX_VIEWS = 8;

    private static final Map<ElementType, DataType> TYPES = Map.of(
            ElementType.F32, DataType.FLOAT32,
            ElementType.F64, DataType.FLOAT64,
            ElementType.F16, DataType.FLOAT32,
            ElementType.BF16, DataType.FLOAT32,
            ElementType.I64, DataType.INT64,
            ElementType.I32, DataType.INT32,
            ElementType.U8, DataType.UINT8);

    /** Returns whether a file begins as one of PyTorch does, whatever its name is. */
    public static boolean matches(Path file) throws IOException {
        byte[] head = head(file);
        return Arrays.equals(head, 0, Math.min(head.length, ZIP.length), ZIP, 0, ZIP.length)
                || (head.length > 1 && (head[0] & 0xff) == PROTO && head[1] >= 2 && head[1] <= 5)
                || isTar(head);
    }

    private static boolean isTar(byte[] head) {
        return head.length >= TAR_MAGIC + 5
                && new String(head, TAR_MAGIC, 5, StandardCharsets.US_ASCII).equals("ustar");
    }

    private static byte[] head(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(TAR_MAGIC + 5);
        }
    }

    /**
     * Reads the weights.
     *
     * @param key where they are, keys joined by dots; empty to look for them under the usual keys
     * @throws PyTorchFileException if the file is damaged, needs code, or has no weights; or a value is not finite
     * @throws IOException if it cannot be read
     */
    public static PyTorchFile read(Path file, Optional<String> key) throws IOException {
        byte[] head = head(file);
        if (isTar(head)) {
            throw new PyTorchFileException("it is a tar archive: unpack it, or if PyTorch 0.1 wrote it, load it with"
                    + " PyTorch and save it again");
        }
        try (Opened opened = open(file, head)) {
            return read(StateDict.find(opened.object(), key), opened.storages(), Files.size(file));
        }
    }

    /** Returns what {@link PyTorchWriter} wrote about the weights, texts by name; empty if another program wrote the file. */
    public static Map<String, String> metadata(Path file) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        try (Opened opened = open(file, head(file))) {
            if (opened.object() instanceof PickleDict dict
                    && dict.get(PyTorchWriter.METADATA).orElse(dict) instanceof PickleDict texts
                    && texts != dict) {
                texts.texts().forEach((name, value) -> {
                    if (value instanceof String text) {
                        metadata.put(name, text);
                    }
                });
            }
        }
        return metadata;
    }

    private record Opened(Object object, StorageBytes storages) implements Closeable {
        @Override
        public void close() throws IOException {
            storages.close();
        }
    }

    private static Opened open(Path file, byte[] head) throws IOException {
        PickleGlobals globals = new PickleGlobals();
        if (head.length > 0 && head[0] == 'P') {
            ZipForm form = ZipForm.open(file);
            try {
                return new Opened(form.object(globals), form);
            } catch (IOException | RuntimeException e) {
                form.close();
                throw e;
            }
        }
        LegacyForm form = LegacyForm.open(file, globals);
        return new Opened(form.object(), form);
    }

    private static PyTorchFile read(StateDict found, StorageBytes storages, long size) throws IOException {
        Map<String, HostTensor> tensors = new LinkedHashMap<>();
        List<String> leftOut = new ArrayList<>(found.beside());
        long left = MAX_VIEWS * size;
        for (Map.Entry<String, TensorRef> entry : found.tensors().entrySet()) {
            TensorRef tensor = entry.getValue();
            ElementType type = tensor.storage().type();
            DataType as = TYPES.get(type);
            if (as == null) {
                leftOut.add(Shown.of(entry.getKey()) + " (of type " + type + ")");
                continue;
            }
            left -= bytes(entry.getKey(), tensor);
            if (left < 0) {
                throw new PyTorchFileException("its tensors have more than " + MAX_VIEWS + " times the bytes of the"
                        + " file, because they view the same elements again and again");
            }
            ByteBuffer values = values(tensor, storages);
            OptionalLong bad = FiniteValues.firstNotFinite(type.name(), values);
            if (bad.isPresent()) {
                throw new PyTorchFileException(
                        Shown.of(entry.getKey()) + " holds NaN or infinity, first at element " + bad.getAsLong());
            }
            tensors.put(
                    entry.getKey(),
                    new HostTensor(
                            as,
                            tensor.shape(),
                            type.width() == 2 ? HalfPrecision.widened(type.name(), values) : values));
        }
        return new PyTorchFile(found.at(), tensors, List.copyOf(leftOut));
    }

    private static long bytes(String name, TensorRef tensor) throws PyTorchFileException {
        long bytes = tensor.storage().type().width();
        for (long side : tensor.shape()) {
            bytes = side > Integer.MAX_VALUE ? Long.MAX_VALUE : bytes * side; // both factors are below 2^31
            if (bytes > Integer.MAX_VALUE / 2) {
                throw new PyTorchFileException(
                        Shown.of(name) + " has a shape of " + tensor.shape() + ", more than 1 GiB is not read");
            }
        }
        return bytes;
    }

    /** Returns a tensor's elements, row-major. */
    private static ByteBuffer values(TensorRef tensor, StorageBytes storages) throws IOException {
        int width = tensor.storage().type().width();
        long end = PickleGlobals.end(tensor).orElseThrow();
        long span = (end - tensor.offset()) * width;
        if (span > Integer.MAX_VALUE) {
            throw new PyTorchFileException(
                    "a tensor of shape " + tensor.shape() + " is spread over " + span + " bytes");
        }
        ByteBuffer elements = allocate((int) span);
        storages.read(tensor.storage(), tensor.offset() * width, elements);
        return isRowMajor(tensor) ? elements.clear() : gathered(tensor, elements, width);
    }

    private static boolean isRowMajor(TensorRef tensor) {
        long next = 1;
        for (int axis = tensor.shape().size() - 1; axis >= 0; axis--) {
            long side = tensor.shape().get(axis);
            if (side != 1 && tensor.strides().get(axis) != next) {
                return side == 0;
            }
            next *= side;
        }
        return true;
    }

    private static ByteBuffer gathered(TensorRef tensor, ByteBuffer elements, int width) throws IOException {
        int axes = tensor.shape().size();
        long[] index = new long[axes];
        int count = (int) tensor.shape().stream().mapToLong(side -> side).reduce(1, (a, b) -> a * b);
        ByteBuffer gathered = allocate(count * width);
        long from = 0;
        for (int i = 0; i < count; i++) {
            gathered.put(i * width, elements, (int) from * width, width);
            for (int axis = axes - 1; axis >= 0; axis--) {
                from += tensor.strides().get(axis);
                if (++index[axis] < tensor.shape().get(axis)) {
                    break;
                }
                from -= index[axis] * tensor.strides().get(axis);
                index[axis] = 0;
            }
        }
        return gathered.clear();
    }

    private static ByteBuffer allocate(int bytes) throws IOException {
        try {
            return ByteBuffer.allocateDirect(bytes);
        } catch (OutOfMemoryError e) {
            throw new IOException(
                    "there is not enough memory to read its tensors (" + e.getMessage()
                            + "): raise the machine's memory, or -XX:MaxDirectMemorySize",
                    e);
        }
    }
}
