package io.swav.images;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.charts.ProjectFiles;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests {@code tools/gpu/FatBinaries.java} on a library that contains only kernels. */
class FatBinariesTest {
    private static final int PTX = 1;
    private static final int CODE = 2;
    private static final int SECTION = 64;

    @Test
    void keepsTheCodeOfOneArchitectureAtTheSameAddresses(@TempDir Path folder) throws Exception {
        List<byte[]> containers = List.of(
                container(entry(CODE, 80, 24), entry(PTX, 90, 8), entry(CODE, 90, 40), entry(CODE, 90, 16)),
                container(entry(CODE, 80, 16), entry(PTX, 70, 32), entry(PTX, 80, 8), entry(PTX, 100, 8)),
                container(entry(CODE, 80, 16), entry(CODE, 100, 8)),
                container(entry(CODE, 90, 8)));
        Path from = Files.write(folder.resolve("from.so"), elf(containers));
        Path to = folder.resolve("to.so");

        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        ProjectFiles.PROJECT
                                .resolve("tools/gpu/FatBinaries.java")
                                .toString(),
                        "prune",
                        "sm_90",
                        from.toString(),
                        to.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();

        List<byte[]> kept = List.of(
                container(entry(CODE, 90, 40), entry(CODE, 90, 16)),
                container(entry(PTX, 80, 8)), // the newest PTX that it can compile
                container(entry(CODE, 100, 8)), // no entry fits, so the smallest is kept
                container(entry(CODE, 90, 8)));
        List<byte[]> padded = new ArrayList<>();
        for (int i = 0; i < kept.size(); i++) {
            padded.add(Arrays.copyOf(kept.get(i), containers.get(i).length));
        }
        assertThat(Files.readAllBytes(to)).isEqualTo(elf(padded));
        assertThat(output)
                .contains("PTX 100 1 (0 MB), PTX 70 1 (0 MB), PTX 80 1 (0 MB), PTX 90 1 (0 MB), containers 4")
                .contains("has 0 MB, PTX 80 1 (0 MB), containers 4, sm_100 1 (0 MB), sm_90 3 (0 MB)");
    }

    private static byte[] entry(int kind, int arch, int payload) {
        ByteBuffer entry = little(64 + payload);
        entry.putShort(0, (short) kind).putInt(4, 64).putLong(8, payload).putInt(28, arch);
        for (int i = 64; i < entry.capacity(); i++) {
            entry.put(i, (byte) (kind + arch + payload));
        }
        return bytes(entry);
    }

    private static byte[] container(byte[]... entries) {
        byte[] all = join(List.of(entries));
        ByteBuffer header = little(16);
        header.putInt(0xBA55ED50).putShort((short) 1).putShort((short) 16).putLong(all.length);
        return join(List.of(bytes(header), all));
    }

    /** An ELF file with the sections null, names and kernels. */
    private static byte[] elf(List<byte[]> containers) {
        byte[] names = "\0.names\0.nv_fatbin\0\0\0\0\0\0".getBytes(StandardCharsets.US_ASCII);
        byte[] kernels = join(containers);
        int namesAt = 64;
        int kernelsAt = namesAt + names.length;
        int table = kernelsAt + kernels.length;
        ByteBuffer header = little(64);
        header.put(new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1});
        header.putLong(0x28, table)
                .putShort(0x3A, (short) SECTION)
                .putShort(0x3C, (short) 3)
                .putShort(0x3E, (short) 1);
        return join(List.of(
                bytes(header),
                names,
                kernels,
                new byte[SECTION],
                section(1, namesAt, names.length),
                section(8, kernelsAt, kernels.length)));
    }

    private static byte[] section(int name, long at, long length) {
        return little(SECTION)
                .putInt(0, name)
                .putLong(0x18, at)
                .putLong(0x20, length)
                .array();
    }

    private static byte[] join(List<byte[]> parts) {
        ByteBuffer all =
                ByteBuffer.allocate(parts.stream().mapToInt(part -> part.length).sum());
        parts.forEach(all::put);
        return all.array();
    }

    private static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.capacity()];
        buffer.get(0, bytes);
        return bytes;
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
