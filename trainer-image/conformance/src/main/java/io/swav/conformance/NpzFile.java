package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The arrays of a numpy {@code .npz} file: little-endian float32, float64, int32, int64, uint8 and bool in C order,
 * read on request. All errors are {@link GoldenException}s that name file and array.
 */
final class NpzFile implements AugmentGolden.ReferenceArrays, AutoCloseable {
    private static final int MAGIC = 6;
    private static final Pattern HEADER = Pattern.compile(
            "'descr':\\s*'([^']+)'.*'fortran_order':\\s*(True|False).*'shape':\\s*\\(([^)]*)\\)", Pattern.DOTALL);

    private final Path path;
    private final ZipFile zip;
    private final SortedSet<String> keys = new TreeSet<>();

    private record Raw(String type, Shape shape, ByteBuffer data) {}

    NpzFile(Path path) {
        this.path = path;
        try {
            this.zip = new ZipFile(path.toFile());
        } catch (IOException e) {
            throw new GoldenException(
                    path.getFileName() + " cannot be read, it is missing or damaged: " + e.getMessage(), e);
        }
        zip.stream()
                .map(ZipEntry::getName)
                .filter(name -> name.endsWith(".npy"))
                .forEach(name -> keys.add(name.substring(0, name.length() - ".npy".length())));
    }

    @Override
    public SortedSet<String> keys() {
        return keys;
    }

    boolean has(String key) {
        return keys.contains(key);
    }

    @Override
    public Shape shape(String key) {
        return raw(key).shape();
    }

    /** All numbers as doubles, whatever their type. */
    double[] doubles(String key) {
        Raw raw = raw(key);
        int count = Math.toIntExact(raw.shape().size());
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = switch (raw.type()) {
                case "<f4" -> raw.data().getFloat(4 * i);
                case "<f8" -> raw.data().getDouble(8 * i);
                case "<i4" -> raw.data().getInt(4 * i);
                case "<i8" -> raw.data().getLong(8 * i);
                default -> raw.data().get(i) & 0xff;
            };
        }
        return values;
    }

    @Override
    public float[] floats(String key) {
        double[] values = doubles(key);
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    double number(String key) {
        double[] values = doubles(key);
        if (values.length != 1) {
            throw new GoldenException(path.getFileName() + ": " + key + " is not one number");
        }
        return values[0];
    }

    /** Returns an array as FLOAT32. */
    NDArray array(NDManager manager, String key) {
        return manager.create(floats(key), shape(key));
    }

    private Raw raw(String key) {
        ZipEntry entry = zip.getEntry(key + ".npy");
        if (entry == null) {
            throw new GoldenException(path.getFileName() + " has no array " + key);
        }
        byte[] all;
        try (var in = zip.getInputStream(entry)) {
            all = in.readAllBytes();
        } catch (IOException e) {
            throw new GoldenException(path.getFileName() + ": array " + key + " is damaged: " + e.getMessage(), e);
        }
        return parse(key, all);
    }

    private Raw parse(String key, byte[] all) {
        ByteBuffer bytes = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
        String where = path.getFileName() + ": array " + key;
        if (bytes.capacity() < MAGIC + 4 || bytes.get(0) != (byte) 0x93) {
            throw new GoldenException(where + " is not a numpy array");
        }
        boolean wide = bytes.get(MAGIC) >= 2; // from format 2 on, the header's length takes four bytes
        int length = wide ? bytes.getInt(MAGIC + 2) : bytes.getShort(MAGIC + 2) & 0xffff;
        int start = MAGIC + (wide ? 6 : 4);
        if (length < 0 || start + (long) length > bytes.capacity()) {
            throw new GoldenException(where + " is truncated");
        }
        String header = new String(all, start, length, StandardCharsets.ISO_8859_1);
        Matcher fields = HEADER.matcher(header);
        if (!fields.find()) {
            throw new GoldenException(where + " has an unreadable header " + header.strip());
        }
        long[] sides = Arrays.stream(fields.group(3).split(","))
                .map(String::strip)
                .filter(side -> !side.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
        String type = fields.group(1);
        int size = switch (type) {
            case "<f8", "<i8" -> 8;
            case "<f4", "<i4" -> 4;
            case "|u1", "|b1" -> 1;
            default -> throw new GoldenException(where + " is of type " + type + ", which is not supported");
        };
        if (fields.group(2).equals("True") && sides.length > 1) {
            throw new GoldenException(where + " is in Fortran order, which is not supported");
        }
        Shape shape = new Shape(sides);
        ByteBuffer data = bytes.position(start + length).slice().order(ByteOrder.LITTLE_ENDIAN);
        if (data.capacity() < shape.size() * size) {
            throw new GoldenException(where + " is truncated: " + data.capacity() + " bytes of " + shape.size() * size);
        }
        return new Raw(type, shape, data);
    }

    @Override
    public void close() {
        try {
            zip.close();
        } catch (IOException e) {
            throw new GoldenException("cannot close " + path, e);
        }
    }
}
