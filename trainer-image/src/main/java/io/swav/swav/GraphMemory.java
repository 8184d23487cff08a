package io.swav.swav;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Whether what backward needs of one more unit fits into memory beside what is kept already. Where it does not, the unit
 * is forwarded twice, which gives the same bits.
 */
final class GraphMemory {
    private static final String[] CGROUP_LIMITS = {
        "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    };

    private final long budget;
    private long perUnit;

    /** Half of the memory that is free now. */
    GraphMemory() {
        this(free() / 2);
    }

    GraphMemory(long budget) {
        this.budget = budget;
    }

    /** Asks before a unit's forward; {@code kept} bytes are held by the units before it. One unit is always kept. */
    boolean keepsAnother(long kept) {
        // the one after next needs room too: a second forward holds a whole unit while it runs
        return kept == 0 || kept + 2 * perUnit <= budget;
    }

    void learned(long bytes) {
        perUnit = Math.max(perUnit, bytes);
    }

    private static long free() {
        long free = available().orElse(Runtime.getRuntime().maxMemory());
        for (String file : CGROUP_LIMITS) {
            Optional<Long> limit = number(Path.of(file));
            if (limit.isPresent()) {
                free = Math.min(free, limit.get());
            }
        }
        return free;
    }

    private static Optional<Long> available() {
        try {
            List<String> lines = Files.readAllLines(Path.of("/proc/meminfo"));
            return lines.stream()
                    .filter(line -> line.startsWith("MemAvailable:"))
                    .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<Long> number(Path file) {
        try {
            String text = Files.readString(file).strip();
            return text.matches("\\d{1,18}") ? Optional.of(Long.parseLong(text)) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
