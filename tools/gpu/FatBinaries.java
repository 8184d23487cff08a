import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Removes the kernels of other GPU architectures from a shared library of CUDA. Its section .nv_fatbin contains containers,
 * each with the same kernels for several architectures.
 *
 * <pre>
 *   java FatBinaries.java prune 90 FROM TO         copies FROM to TO, keeps the kernels for compute capability 9.0, zeroes the rest
 * </pre>
 *
 * <p>All addresses stay the same: the file keeps its length, and compresses well. It no longer runs on other architectures.
 *
 * <p>Layout, little endian. Container: u32 magic, u16 version, u16 length of this header, u64 bytes that follow it.
 * Entry: u16 kind (1 is PTX, 2 machine code), u32 length of this header at 4, u64 bytes that follow it at 8, u32
 * architecture at 28.
 */
public final class FatBinaries {
    private static final int MAGIC = 0xBA55ED50;
    private static final int PTX = 1;
    private static final int CODE = 2;

    private FatBinaries() {}

    /** Offsets and lengths refer to the file. */
    record Entry(int kind, int arch, int at, int length) {
        String what() {
            return switch (kind) {
                case PTX -> "PTX " + arch;
                case CODE -> "sm_" + arch;
                default -> "kind " + kind + " of " + arch;
            };
        }
    }

    record Container(int at, int header, List<Entry> entries) {}

    record Section(int at, int length) {}

    public static void main(String[] args) throws IOException {
        if (args.length == 4 && args[0].equals("prune")) {
            prune(Integer.parseInt(args[1].replace("sm_", "")), Path.of(args[2]), Path.of(args[3]));
        } else {
            System.err.println("usage: FatBinaries prune ARCHITECTURE FROM TO");
            System.exit(2);
        }
    }

    private static void prune(int arch, Path from, Path to) throws IOException {
        Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
        ByteBuffer file = map(to);
        List<Container> containers = containers(file);
        print(from.getFileName() + " had ", tally(containers), Files.size(from));
        List<Entry> kept = new ArrayList<>();
        for (Container container : containers) {
            kept.addAll(keep(file, container, arch));
        }
        List<Container> after = containers(file);
        print(from.getFileName() + " has ", tally(after), Files.size(to));
        // read the result again: the containers must be at the same offsets, with exactly the kept entries
        boolean same = after.stream().map(Container::at).toList().equals(containers.stream().map(Container::at).toList())
                && after.stream().flatMap(c -> c.entries().stream()).map(Entry::what).toList().equals(kept.stream().map(Entry::what).toList());
        if (!same) {
            throw new IllegalStateException(to + " is damaged and must not be used: its containers are not those that were written");
        }
    }

    /** Moves the entries that this architecture runs to the front of the container, and zeroes the rest. */
    private static List<Entry> keep(ByteBuffer file, Container container, int arch) {
        List<Entry> fitting = fitting(container.entries(), arch);
        int to = container.at() + container.header();
        int end = container.entries().stream().mapToInt(e -> e.at() + e.length()).max().orElse(to);
        for (Entry entry : fitting) {
            byte[] bytes = new byte[entry.length()];
            file.get(entry.at(), bytes);
            file.put(to, bytes);
            to += bytes.length;
        }
        file.putLong(container.at() + 8, to - container.at() - container.header());
        file.put(to, new byte[end - to]);
        return fitting;
    }

    /** Machine code runs on its own major version from its minor version on; PTX can be compiled for all newer ones. */
    private static List<Entry> fitting(List<Entry> entries, int arch) {
        Predicate<Entry> code = e -> e.kind() == CODE && e.arch() <= arch && e.arch() / 10 == arch / 10;
        Predicate<Entry> ptx = e -> e.kind() == PTX && e.arch() <= arch;
        for (Predicate<Entry> fits : List.of(code, ptx)) {
            int best = entries.stream().filter(fits).mapToInt(Entry::arch).max().orElse(-1);
            if (best >= 0) {
                return entries.stream().filter(fits).filter(e -> e.arch() == best).toList();
            }
        }
        // no entry runs there; keep the smallest, because an empty container would be invalid
        return entries.stream().min(Comparator.comparingInt(Entry::length)).stream().toList();
    }

    private static List<Container> containers(ByteBuffer file) {
        Section section = section(file, ".nv_fatbin");
        List<Container> found = new ArrayList<>();
        int end = section.at() + section.length();
        for (int at = section.at(); at + 16 <= end; ) {
            if (file.getInt(at) != MAGIC) {
                at += 8; // padding between containers, or pruned bytes
                continue;
            }
            int header = Short.toUnsignedInt(file.getShort(at + 6));
            int next = Math.toIntExact(at + header + file.getLong(at + 8));
            List<Entry> entries = new ArrayList<>();
            for (int entry = at + header; entry < next; ) {
                int length = Math.toIntExact(file.getInt(entry + 4) + file.getLong(entry + 8));
                if (length <= 0 || entry + length > next) {
                    throw new IllegalStateException("an entry of " + length + " bytes at " + entry + " does not fit its container, which ends at " + next);
                }
                entries.add(new Entry(Short.toUnsignedInt(file.getShort(entry)), file.getInt(entry + 28), entry, length));
                entry += length;
            }
            found.add(new Container(at, header, entries));
            at = next;
        }
        return found;
    }

    /** The section of this name; an empty one if the file has none. */
    private static Section section(ByteBuffer file, String name) {
        int table = Math.toIntExact(file.getLong(0x28));
        int size = Short.toUnsignedInt(file.getShort(0x3A));
        int names = Math.toIntExact(file.getLong(table + size * Short.toUnsignedInt(file.getShort(0x3E)) + 0x18));
        byte[] wanted = (name + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] bytes = new byte[wanted.length];
        for (int i = 0; i < Short.toUnsignedInt(file.getShort(0x3C)); i++) {
            int section = table + i * size;
            file.get(names + file.getInt(section), bytes);
            if (Arrays.equals(bytes, wanted)) {
                return new Section(Math.toIntExact(file.getLong(section + 0x18)), Math.toIntExact(file.getLong(section + 0x20)));
            }
        }
        return new Section(0, 0);
    }

    /** Counts entries and bytes by architecture. */
    private static Map<String, long[]> tally(List<Container> containers) {
        Map<String, long[]> tally = new TreeMap<>();
        for (Container container : containers) {
            tally.computeIfAbsent("containers", k -> new long[2])[0]++;
            for (Entry entry : container.entries()) {
                long[] sum = tally.computeIfAbsent(entry.what(), k -> new long[2]);
                sum[0]++;
                sum[1] += entry.length();
            }
        }
        return tally;
    }

    private static void print(String prefix, Map<String, long[]> tally, long size) {
        StringBuilder line = new StringBuilder(prefix).append(size / 1_000_000).append(" MB");
        tally.forEach((what, sum) -> line.append(", ").append(what).append(' ').append(sum[0])
                .append(sum[1] == 0 ? "" : " (" + sum[1] / 1_000_000 + " MB)"));
        System.out.println(line);
    }

    private static ByteBuffer map(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN);
        }
    }
}
