package io.swav.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Reads arrays of a numpy {@code .npz} file one at a time, without libtorch. Supports little-endian, C-order arrays.
 */
final class NumpyZip implements AutoCloseable {
    private static final int MAGIC_BYTES = 8;
    private static final Pattern HEADER =
            Pattern.compile("'descr': '([^']+)'.*'fortran_order': False.*'shape': \\(([^)]*)\\)");

    private final Path path;
    private final ZipFile zip;

    /**
     * One array.
     *
     * @param type numpy's name for it, such as {@code <f4} or {@code |u1}
     */
    record Array(String type, List<Integer> shape, ByteBuffer data) {
        byte[] bytes() {
            require("|u1");
            byte[] values = new byte[data.remaining()];
            data.duplicate().get(values);
            return values;
        }

        int[] ints() {
            require("<i4");
            int[] values = new int[data.remaining() / Integer.BYTES];
            data.asIntBuffer().get(values);
            return values;
        }

        float[] floats() {
            require("<f4");
            float[] values = new float[data.remaining() / Float.BYTES];
            data.asFloatBuffer().get(values);
            return values;
        }

        private void require(String wanted) {
            if (!type.equals(wanted)) {
                throw new IllegalArgumentException("array of type " + type + " instead of " + wanted);
            }
        }
    }

    NumpyZip(Path path) throws IOException {
        this.path = path;
        this.zip = new ZipFile(path.toFile());
    }

    Set<String> names() {
        Set<String> names = new TreeSet<>();
        for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
            String name = all.nextElement().getName();
            names.add(name.endsWith(".npy") ? name.substring(0, name.length() - 4) : name);
        }
        return names;
    }

    Array get(String name) throws IOException {
        ZipEntry entry = zip.getEntry(name + ".npy");
        if (entry == null) {
            throw new IOException(path + " has no array " + name);
        }
        byte[] all = zip.getInputStream(entry).readAllBytes();
        ByteBuffer buffer = ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN);
        boolean wide = all[6] >= 2; // format version 2 and later: four bytes of header length
        int length = wide ? buffer.getInt(MAGIC_BYTES) : buffer.getShort(MAGIC_BYTES) & 0xffff;
        int start = MAGIC_BYTES + (wide ? Integer.BYTES : Short.BYTES);
        String header = new String(all, start, length, StandardCharsets.ISO_8859_1);
        Matcher fields = HEADER.matcher(header);
        if (!fields.find()) {
            throw new IOException(path + ": array " + name + " has an unexpected header " + header);
        }
        List<Integer> shape = Arrays.stream(fields.group(2).split(","))
                .map(String::trim)
                .filter(s -> !s.isEmpty())
                .map(Integer::parseInt)
                .toList();
        ByteBuffer data = buffer.position(start + length).slice().order(ByteOrder.LITTLE_ENDIAN);
        return new Array(fields.group(1), shape, data);
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
