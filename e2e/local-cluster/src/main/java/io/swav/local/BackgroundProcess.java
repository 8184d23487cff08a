package io.swav.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A background process that outlives the one that started it. It runs in a session of its own (so that Ctrl-C in the
 * terminal does not reach it), writes its output to {@code <dir>/<name>.log}, and is found again by {@code
 * <dir>/<name>.pid}. The pid file also contains the start time, so that another process that has since been given the same
 * pid is not mistaken for it.
 */
public final class BackgroundProcess {
    /** Two readings of a process's start time may differ by this much while the clock is being adjusted. */
    private static final Duration CLOCK_SLACK = Duration.ofSeconds(2);

    private final String name;
    private final ProcessHandle process;
    private final Path log;
    private final Path pidFile;

    private BackgroundProcess(String name, ProcessHandle process, Path dir) {
        this.name = name;
        this.process = process;
        this.log = logFile(dir, name);
        this.pidFile = dir.resolve(name + ".pid");
    }

    /** Starts {@code command} with {@code env} added to this process's environment; keeps the previous log as {@code .log.1}. */
    public static BackgroundProcess start(Path dir, String name, List<String> command, Map<String, String> env) {
        try {
            if (!Files.isDirectory(dir)) {
                PrivateFiles.folder(dir);
            }
            Path log = logFile(dir, name);
            if (Files.exists(log)) {
                Files.move(log, dir.resolve(name + ".log.1"), StandardCopyOption.REPLACE_EXISTING);
            }
            List<String> detached = new ArrayList<>(List.of("setsid"));
            detached.addAll(command);
            ProcessBuilder builder = new ProcessBuilder(detached)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(PrivateFiles.create(log).toFile());
            builder.environment().putAll(env);
            BackgroundProcess daemon =
                    new BackgroundProcess(name, builder.start().toHandle(), dir);
            PrivateFiles.write(daemon.pidFile, identify(daemon.process));
            return daemon;
        } catch (IOException e) {
            throw new LocalClusterException("cannot start " + name + " (" + String.join(" ", command) + "): " + e, e);
        }
    }

    /** The process of this name that was started in {@code dir} earlier, if it still runs. */
    public static Optional<BackgroundProcess> find(Path dir, String name) {
        Path pidFile = dir.resolve(name + ".pid");
        if (!Files.exists(pidFile)) {
            return Optional.empty();
        }
        try {
            return resolve(Files.readString(pidFile)).map(process -> new BackgroundProcess(name, process, dir));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code "<pid> <start, epoch ms>"}: identifies a process even after its pid is reused. */
    static String identify(ProcessHandle process) {
        return process.pid()
                + " "
                + process.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
    }

    /** The running process that {@link #identify} described. */
    static Optional<ProcessHandle> resolve(String identity) {
        String[] parts = identity.strip().split(" ", -1);
        if (parts.length != 2) {
            return Optional.empty(); // the writer died while writing
        }
        Instant started = Instant.ofEpochMilli(Long.parseLong(parts[1]));
        return ProcessHandle.of(Long.parseLong(parts[0]))
                .filter(ProcessHandle::isAlive)
                .filter(p -> p.info()
                        .startInstant()
                        .map(s -> Duration.between(s, started).abs().compareTo(CLOCK_SLACK) <= 0)
                        .orElse(false));
    }

    public boolean alive() {
        return process.isAlive();
    }

    public long pid() {
        return process.pid();
    }

    public Path log() {
        return log;
    }

    /** Sends SIGTERM, then SIGKILL after {@code grace}. */
    public void stop(Duration grace) {
        process.destroy();
        if (!ended(grace)) {
            process.destroyForcibly();
            ended(Duration.ofSeconds(10));
        }
        try {
            Files.deleteIfExists(pidFile);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean ended(Duration limit) {
        try {
            process.onExit().get(limit.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The name, log file and last lines of the log, for an error message. */
    public String describe() {
        return name + (alive() ? " (pid " + pid() + ")" : " ended") + ", log " + log + ":\n"
                + tail(log, 15).indent(4);
    }

    public static Path logFile(Path dir, String name) {
        return dir.resolve(name + ".log");
    }

    static String tail(Path file, int lines) {
        if (!Files.exists(file)) {
            return "(no log)";
        }
        try {
            // logs of a local cluster are a few MB at most
            List<String> all = new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
            return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
        } catch (IOException e) {
            return "(cannot read " + file + ": " + e + ")";
        }
    }
}
