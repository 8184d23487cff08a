package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Identifies a process, so that another process of the same machine can tell whether it still runs.
 *
 * @param machine boot of the kernel, namespace of process numbers and user: only in the same ones a number means the same
 * @param start when the process started, ISO-8601: numbers are used again
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
            return started(self).map(start -> new LocalProcess(machine, self.pid(), start));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> started(ProcessHandle process) {
        return process.info().startInstant().map(Instant::toString);
    }

    /** Returns whether it runs; empty if this process cannot know that. */
    Optional<Boolean> runs() {
        return current()
                .filter(own -> own.machine.equals(machine))
                .map(own -> ProcessHandle.of(pid)
                        .filter(ProcessHandle::isAlive)
                        .flatMap(LocalProcess::started)
                        .filter(start::equals)
                        .isPresent());
    }
}
