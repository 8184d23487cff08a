package io.swav.trainer;

import io.swav.membership.PeriodicTask;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Takes all direct memory of its process as long as the file {@code toy.hog} exists, as another part of a trainer may do. */
final class MemoryHog {
    private static final int PIECE = 1 << 19;

    private final Path file;
    private final List<ByteBuffer> taken = new ArrayList<>();

    private MemoryHog(Path file) {
        this.file = file;
    }

    static void startIfAsked() {
        String file = System.getProperty("toy.hog", "");
        if (!file.isEmpty()) {
            MemoryHog hog = new MemoryHog(Path.of(file));
            PeriodicTask task = new PeriodicTask("hog", 20, hog::look);
            Runtime.getRuntime().addShutdownHook(new Thread(task::close));
        }
    }

    private void look() {
        if (!Files.exists(file)) {
            taken.clear();
            return;
        }
        try {
            while (true) {
                taken.add(ByteBuffer.allocateDirect(PIECE));
            }
        } catch (OutOfMemoryError full) {
            if (!taken.isEmpty()) {
                taken.remove(0); // for files and sockets; a checkpoint is read in pieces of a megabyte
            }
        }
    }
}
