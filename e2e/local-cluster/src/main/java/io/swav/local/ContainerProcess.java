package io.swav.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One run of a container: a small shell that leads a session of its own, starts the command, stores its exit code in a
 * file and kills the processes that the command left behind. All state is in files of {@code dir} (shell, pid, exit), so
 * the run survives the node's process and a later node adopts it.
 */
final class ContainerProcess {
    private static final String SHELL = """
            "$@" &
            echo $! > "$0/pid.new" && mv "$0/pid.new" "$0/pid"
            wait $!
            echo $? > "$0/exit.new" && mv "$0/exit.new" "$0/exit"
            kill -s KILL -- -$$
            """;
    /** Exit code of a container whose end was not observed. */
    static final int LOST = 137;

    private final Path dir;
    private final ProcessHandle shell;
    private @Nullable Instant killAt;

    private ContainerProcess(Path dir, ProcessHandle shell) {
        this.dir = dir;
        this.shell = shell;
    }

    /** @throws IOException if the command cannot be started at all, e.g. because its working folder is missing */
    static ContainerProcess start(Path dir, Path log, List<String> command, Map<String, String> env, Path workingDir)
            throws IOException {
        PrivateFiles.folder(dir);
        List<String> line = new ArrayList<>(List.of("setsid", "sh", "-c", SHELL, dir.toString()));
        line.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(line)
                .directory(workingDir.toFile())
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        PrivateFiles.create(log).toFile()));
        builder.environment().clear();
        builder.environment().putAll(env);
        ProcessHandle shell = builder.start().toHandle();
        PrivateFiles.write(dir.resolve("shell"), BackgroundProcess.identify(shell));
        return new ContainerProcess(dir, shell);
    }

    /** The run whose files are in {@code dir}, if its process is alive. */
    static Optional<ContainerProcess> adopt(Path dir) {
        return read(dir.resolve("shell"))
                .flatMap(BackgroundProcess::resolve)
                .map(shell -> new ContainerProcess(dir, shell));
    }

    /** Exit code of the run in {@code dir}, 128 + the signal's number if it was killed; empty while unknown. */
    static Optional<Integer> exitCode(Path dir) {
        return read(dir.resolve("exit")).map(text -> Integer.valueOf(text.strip()));
    }

    /** When the run in {@code dir} wrote the file {@code what}; now if it does not exist. */
    static Instant time(Path dir, String what) {
        try {
            return Files.getLastModifiedTime(dir.resolve(what)).toInstant();
        } catch (IOException e) {
            return Instant.now();
        }
    }

    /** The pid of the container's own process; waits up to about 2 s for it. 0 if the process ended before it was recorded. */
    long pid() {
        for (int i = 0; i < 400 && shell.isAlive(); i++) {
            Optional<String> pid = read(dir.resolve("pid"));
            if (pid.isPresent()) {
                return Long.parseLong(pid.get().strip());
            }
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return 0;
            }
        }
        return read(dir.resolve("pid")).map(text -> Long.valueOf(text.strip())).orElse(0L);
    }

    /** Completes with the exit code, or with {@link #LOST} if the shell itself was killed. */
    CompletableFuture<Integer> onExit() {
        return shell.onExit().thenApply(ended -> exitCode(dir).orElse(LOST));
    }

    /**
     * Sends SIGTERM to the container's own process now (once), and SIGKILL to all its processes at the earliest {@code at}
     * of all calls.
     */
    synchronized void terminate(Instant at) {
        if (killAt != null && !at.isBefore(killAt)) {
            return;
        }
        if (killAt == null && shell.isAlive()) {
            own().ifPresent(ProcessHandle::destroy);
        }
        killAt = at;
        long wait = Math.max(0, Duration.between(Instant.now(), at).toMillis());
        if (wait == 0) {
            kill();
        } else {
            Executor later = CompletableFuture.delayedExecutor(wait, TimeUnit.MILLISECONDS);
            later.execute(this::kill);
        }
    }

    /** Sends SIGKILL to the container's processes; the shell stays alive to record the exit code. */
    void kill() {
        if (shell.isAlive()) {
            shell.descendants().forEach(ProcessHandle::destroyForcibly);
        }
    }

    private Optional<ProcessHandle> own() {
        return ProcessHandle.of(pid());
    }

    private static Optional<String> read(Path file) {
        try {
            return Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
