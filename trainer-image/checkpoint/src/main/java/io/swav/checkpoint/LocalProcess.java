package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Identifies a process, so that another process of the same machine can tell whether it still runs.
 *
 * @param machine boot of the kernel, namespace of process numbers and user: only in the same ones a number means the same
 * @param start when the process started, as numbers are used again: in ticks since the machine started. ISO-8601 in files
 *     of trainers before this form: that time moves when the clock is set
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record LocalProcess(String machine, long pid, String start) {
    LocalProcess(@Nullable String machine, long pid, @Nullable String start) {
        this.machine = machine == null ? "" : machine;
        this.pid = pid;
        this.start = start == null ? "" : start;
    }

    /** Returns this process; empty if the system does not say which one it is. */
    static Optional<LocalProcess> current() {
        ProcessHandle self = ProcessHandle.current();
        try {
            String machine = Files.readString(Path.of("/proc/sys/kernel/random/boot_id"))
                            .strip() + " " + Files.readSymbolicLink(Path.of("/proc/self/ns/pid")) + " "
                    + System.getProperty("user.name");
            return Optional.of(new LocalProcess(machine, self.pid(), ticks(self.pid())));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Returns the start of a process; see proc(5), field 22 of stat. The name before it may contain anything. */
    private static String ticks(long pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19];
    }

    private boolean isStartOf(ProcessHandle process) {
        if (start.contains("T")) {
            return process.info()
                    .startInstant()
                    .filter(at -> at.toString().equals(start))
                    .isPresent();
        }
        try {
            return ticks(process.pid()).equals(start);
        } catch (IOException e) {
            return false; // it has just ended
        }
    }

    /** Returns whether it runs; empty if this process cannot know that. */
    Optional<Boolean> runs() {
        return current()
                .filter(own -> own.machine.equals(machine))
                .map(own -> ProcessHandle.of(pid)
                        .filter(ProcessHandle::isAlive)
                        .filter(this::isStartOf)
                        .isPresent());
    }
}
