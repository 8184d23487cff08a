package io.swav.tensor;

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

    /** By the container, where {@link #limit} is of version 2. */
    public OptionalLong used() {
        return number("sys/fs/cgroup/memory.current");
    }

    /** Gives back to the system what this process has freed and its allocator (glibc's) keeps for later. */
    public static void trim() {
        Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
    }

    private OptionalLong meminfo(String name) {
        try (Stream<String> lines = Files.lines(root.resolve("proc/meminfo"))) {
            return lines.filter(line -> line.startsWith(name + ":"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
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
