package io.swav.torch;

import com.sun.jna.Function;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * Memory of this machine and of the container, in bytes, as reported by Linux.
 *
 * @param root of the file system that is read
 */
public record HostMemory(Path root) {
    /** The memory that the machine can provide without swapping. */
    public OptionalLong available() {
        return meminfo("MemAvailable");
    }

    public OptionalLong total() {
        return meminfo("MemTotal");
    }

    /** The limit of the container, by cgroups of version 2 or 1; empty for none. */
    public OptionalLong limit() {
        OptionalLong version2 = number("sys/fs/cgroup/memory.max");
        return version2.isPresent() ? version2 : number("sys/fs/cgroup/memory/memory.limit_in_bytes");
    }

    /**
     * The memory that the container uses, without the file pages that the kernel reclaims first: the kubelet's working
     * set. Both versions of cgroups count those pages as used.
     */
    OptionalLong used() {
        OptionalLong version2 = used("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "inactive_file");
        return version2.isPresent()
                ? version2
                : used(
                        "sys/fs/cgroup/memory/memory.usage_in_bytes",
                        "sys/fs/cgroup/memory/memory.stat",
                        "total_inactive_file");
    }

    private OptionalLong used(String usage, String statistics, String... files) {
        OptionalLong all = number(usage);
        long pages = Arrays.stream(files)
                .mapToLong(kind -> line(statistics, kind + " ").orElse(0))
                .sum();
        return all.isPresent() ? OptionalLong.of(Math.max(0, all.getAsLong() - pages)) : all;
    }

    /**
     * The memory that the limit of the container leaves, if the kernel reclaims all pages of files, as it does before it
     * ends a process; empty for no limit.
     */
    public OptionalLong unclaimed() {
        OptionalLong limit = limit();
        OptionalLong version2 =
                used("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "inactive_file", "active_file");
        OptionalLong used = version2.isPresent()
                ? version2
                : used(
                        "sys/fs/cgroup/memory/memory.usage_in_bytes",
                        "sys/fs/cgroup/memory/memory.stat",
                        "total_inactive_file",
                        "total_active_file");
        return limit.isPresent() ? OptionalLong.of(Math.max(0, limit.getAsLong() - used.orElse(0))) : limit;
    }

    /**
     * The memory that can still be taken without swapping and without exceeding the limit of the container; empty if
     * Linux reports nothing.
     */
    public OptionalLong free() {
        OptionalLong available = available();
        OptionalLong limit = limit();
        if (limit.isEmpty()) {
            return available;
        }
        long left = Math.max(0, limit.getAsLong() - used().orElse(0));
        return OptionalLong.of(Math.min(left, available.orElse(Long.MAX_VALUE)));
    }

    /** Returns memory to the system that this process has freed and that its allocator (glibc's) keeps for reuse. */
    public static void trim() {
        Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
    }

    private OptionalLong meminfo(String name) {
        OptionalLong kilobytes = line("proc/meminfo", name + ":");
        return kilobytes.isPresent() ? OptionalLong.of(kilobytes.getAsLong() << 10) : kilobytes;
    }

    /** The number in the first line that begins with {@code begin}. */
    private OptionalLong line(String file, String begin) {
        try (Stream<String> lines = Files.lines(root.resolve(file))) {
            return lines.filter(line -> line.startsWith(begin))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** The number in a file; empty for words and for the 19-digit number of version 1, which both mean "no limit". */
    private OptionalLong number(String file) {
        try {
            String text = Files.readString(root.resolve(file)).strip();
            return text.matches("\\d{1,18}") ? OptionalLong.of(Long.parseLong(text)) : OptionalLong.empty();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
