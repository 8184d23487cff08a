package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;
import io.swav.torch.DirectMemory;
import io.swav.torch.HostMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests which limits are too low, and that the sentence names the one to raise, and by how much. */
class MemoryReservationTest {
    private static final long MB = 1 << 20;
    private static final DirectMemory MUCH = new DirectMemory(1L << 40, 0, true);

    /** The copy takes 90 MB, and crops 50 MB. */
    private static final MemoryReservation NEEDS = new MemoryReservation(90 * MB, 50 * MB, true, 0);

    @TempDir
    Path root;

    @Test
    void directMemoryHoldsTheCopyAndACheckpointOrCrops() {
        require(NEEDS, new DirectMemory(300 * MB, 54 * MB, true)); // 90 + 90 + 50 + 16
        assertRefused(NEEDS, new DirectMemory(300 * MB, 55 * MB, true), 1L << 40)
                .contains("limit of direct memory is 300 MB, of which 55 MB are used, but 246 MB more are needed")
                .contains("90 MB for the copy that checkpoints are written from")
                .contains("Raise it by at least 1 MB, to 301 MB: raise -XX:MaxDirectMemorySize in JAVA_TOOL_OPTIONS")
                .doesNotContain("resources.limits");
        MemoryReservation manyCrops = new MemoryReservation(90 * MB, 500 * MB, true, 0);
        assertRefused(manyCrops, new DirectMemory(300 * MB, 0, false), 1L << 40)
                .contains("by at least 396 MB")
                .contains("resources.limits.memory")
                .contains("-XX:MaxDirectMemorySize");
        require(new MemoryReservation(90 * MB, 500 * MB, false, 0), new DirectMemory(300 * MB, 0, false));
    }

    @Test
    void heapHoldsTheUploads() {
        MemoryReservation uploads = new MemoryReservation(MB, MB, true, 96 * MB);
        uploads.require(MUCH, new HostMemory(root), 128 * MB);
        assertRefused(uploads, MUCH, 127 * MB)
                .contains("Java heap may grow to 127 MB")
                .contains("Raise it by at least 1 MB, to 128 MB")
                .contains("-Xmx");
    }

    @Test
    void containerHoldsAll() throws Exception {
        write("proc/meminfo", "MemTotal: 8192000 kB\nMemAvailable: 6144000 kB\n");
        write("sys/fs/cgroup/memory.max", 1000 * MB + "\n");
        write("sys/fs/cgroup/memory.current", 1000 * MB + "\n");
        write("sys/fs/cgroup/memory.stat", "anon 5\nactive_file " + 150 * MB + "\ninactive_file " + 80 * MB + "\n");
        require(NEEDS, MUCH); // the kernel reclaims files first
        write("sys/fs/cgroup/memory.stat", "anon 5\nactive_file " + 70 * MB + "\ninactive_file " + 80 * MB + "\n");
        assertRefused(NEEDS, MUCH, 1L << 40)
                .contains("container's memory limit is 1,000 MB, of which 150 MB are free, but 230 MB more are needed")
                .contains("resources.limits.memory in spec.template by at least 80 MB, to 1,080 MB");
    }

    @Test
    void containerOfVersion1HoldsAll() throws Exception {
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", 1000 * MB + "\n");
        write("sys/fs/cgroup/memory/memory.usage_in_bytes", 900 * MB + "\n");
        assertRefused(NEEDS, MUCH, 1L << 40).contains("by at least 130 MB, to 1,130 MB");
        write(
                "sys/fs/cgroup/memory/memory.stat",
                "total_inactive_file " + 65 * MB + "\ntotal_active_file " + 65 * MB + "\n");
        require(NEEDS, MUCH);
    }

    /** Other programs may end; a limit does not change by itself. */
    @Test
    void aMachineWithLittleMemoryIsNoReasonToRefuse() throws Exception {
        write("proc/meminfo", "MemTotal: 8192000 kB\nMemAvailable: 61440 kB\n");
        require(NEEDS, MUCH);
    }

    private void require(MemoryReservation needs, DirectMemory direct) {
        needs.require(direct, new HostMemory(root), 1L << 40);
    }

    private AbstractStringAssert<?> assertRefused(MemoryReservation needs, DirectMemory direct, long heap) {
        String[] message = {""};
        assertThatThrownBy(() -> needs.require(direct, new HostMemory(root), heap))
                .isInstanceOfSatisfying(TrainerExitException.class, refused -> {
                    assertThat(refused.exitCode()).isEqualTo(ExitCodes.CONFIG);
                    message[0] = String.valueOf(refused.getMessage());
                });
        return assertThat(message[0]).startsWith("there is not enough memory to train: ");
    }

    private void write(String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }
}
