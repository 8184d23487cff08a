package io.swav.operatorbench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The folder of one bench: in memory where the machine has a file system for it, so that no disk slows etcd. */
final class BenchFolder {
    private static final Path MEMORY = Path.of("/dev/shm");
    private static final long ENOUGH = 2L << 30;

    private BenchFolder() {}

    static Path create() throws IOException {
        return isInMemory()
                ? Files.createTempDirectory(MEMORY, "swav-bench-")
                : Files.createTempDirectory("swav-bench-");
    }

    /** Returns where etcd keeps its data, for the report. */
    static String describe() {
        return isInMemory() ? "tmpfs" : "disk";
    }

    private static boolean isInMemory() {
        try {
            return Files.isWritable(MEMORY)
                    && List.of("tmpfs", "ramfs")
                            .contains(Files.getFileStore(MEMORY).type())
                    && Files.getFileStore(MEMORY).getUsableSpace() > ENOUGH;
        } catch (IOException e) {
            return false;
        }
    }
}
