package io.swav.torch;

import com.sun.jna.Function;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * Memory of this machine and of the container, in bytes, as Linux tells it.
 *
 * @param root of the file system that is looked at
 */
public record HostMemory(Path root) {
    /** Without swapping. */
    public OptionalLong available() {
        return meminfo("MemAvailable");
    }

    public OptionalLong total() {
        return meminfo("MemTotal");
    }

    /** Of the container, by cgroups of version 2 or 1; empty for none. */
    public OptionalLong limit() {
        OptionalLong newer = number("sys/fs/cgroup/memory.max");
        return newer.isPresent() ? newer : number("sys/fs/cgroup/memory/memory.limit_in_bytes");
    }

    /**
     * Of the container, without the pages of files that the kernel gives up first: what the kubelet calls its working set.
     * Both versions count them as used.
     */
    OptionalLong used() {
        OptionalLong newer = used("sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat", "inactive_file");
        return newer.isPresent()
                ? newer
                : used(
                        "sys/fs/cgroup/memory/memory.usage_in_bytes",
                        "sys/fs/cgroup/memory/memory.stat",
                        "total_inactive_file");
    }

    private OptionalLong used(String usage, String statistics, String inactive) {
        OptionalLong all = number(usage);
        long files = line(statistics, inactive + " ").orElse(0);
        return all.isPresent() ? OptionalLong.of(Math.max(0, all.getAsLong() - files)) : all;
    }

    /** What may yet be taken without swapping and without the container's end; empty where nothing tells. */
    public OptionalLong free() {
        OptionalLong available = available();
        OptionalLong limit = limit();
        if (limit.isEmpty()) {
            return available;
        }
        long left = Math.max(0, limit.getAsLong() - used().orElse(0));
        return OptionalLong.of(Math.min(left, available.orElse(Long.MAX_VALUE)));
    }

    /** Gives back to the system what this process has freed and its allocator (glibc's) keeps for later. */
    public static void trim() {
        Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
    }

    private OptionalLong meminfo(String name) {
        OptionalLong kilobytes = line("proc/meminfo", name + ":");
        return kilobytes.isPresent() ? OptionalLong.of(kilobytes.getAsLong() << 10) : kilobytes;
    }

    /** The number of the line that begins so. */
    private OptionalLong line(String file, String begin) {
        try (Stream<String> lines = Files.lines(root.resolve(file))) {
            return lines.filter(line -> line.startsWith(begin))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** Nothing for words, and for version 1's number of 19 digits, which mean no limit. */
    private OptionalLong number(String file) {
        try {
            String text = Files.readString(root.resolve(file)).strip();
            return text.matches("\\d{1,18}") ? OptionalLong.of(Long.parseLong(text)) : OptionalLong.empty();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
