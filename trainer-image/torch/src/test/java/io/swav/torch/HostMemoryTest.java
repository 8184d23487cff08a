package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostMemoryTest {
    private static final long MB = 1 << 20;

    @TempDir
    private Path root;

    @BeforeEach
    void machineWith6000MegabytesFree() throws IOException {
        write("proc/meminfo", "MemTotal: 8192000 kB\nMemAvailable: 6144000 kB\n");
    }

    @Test
    void withoutALimitReportsTheFreeMemoryOfTheMachine() throws IOException {
        assertThat(free()).isEqualTo(6000 * MB);
        write("sys/fs/cgroup/memory.max", "max\n");
        write("sys/fs/cgroup/memory.current", "1000000\n");
        assertThat(free()).isEqualTo(6000 * MB);
    }

    @Test
    void withALimitReportsWhatTheContainerMayStillUse() throws IOException {
        write("sys/fs/cgroup/memory.max", 2000 * MB + "\n");
        write("sys/fs/cgroup/memory.current", 1500 * MB + "\n");
        assertThat(free()).isEqualTo(500 * MB);
        write("sys/fs/cgroup/memory.stat", "anon 5\nactive_file 7\ninactive_file " + 400 * MB + "\n");
        assertThat(free()).as("file pages are reclaimed first").isEqualTo(900 * MB);
        write("sys/fs/cgroup/memory.current", 3000 * MB + "\n");
        assertThat(free()).as("the limit was lowered").isZero();
    }

    @Test
    void readsCgroupsOfVersion1() throws IOException {
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("sys/fs/cgroup/memory/memory.usage_in_bytes", 1500 * MB + "\n");
        assertThat(free()).as("no limit").isEqualTo(6000 * MB);
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", 2000 * MB + "\n");
        write(
                "sys/fs/cgroup/memory/memory.stat",
                "inactive_file 1\ntotal_active_file 7\ntotal_inactive_file " + 400 * MB + "\n");
        assertThat(free()).isEqualTo(900 * MB);
    }

    @Test
    void ignoresALimitAboveTheMemoryOfTheMachine() throws IOException {
        write("sys/fs/cgroup/memory.max", 9000 * MB + "\n");
        write("sys/fs/cgroup/memory.current", 100 * MB + "\n");
        assertThat(free()).isEqualTo(6000 * MB);
    }

    private long free() {
        return new HostMemory(root).free().orElseThrow();
    }

    private void write(String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }
}
