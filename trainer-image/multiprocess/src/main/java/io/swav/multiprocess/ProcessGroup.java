package io.swav.multiprocess;

import io.swav.common.DaemonThreads;
import io.swav.torch.ChildJvm;
import io.swav.torch.CrashReport;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/**
 * Real processes on this machine, one per rank, that form a world over sockets. They use the same Java and class path
 * as this process.
 */
public final class ProcessGroup {
    private static final int LOG_TAIL = 600;
    /** Exit codes above this are 128 + the signal that ended the process. */
    private static final int SIGNALLED = 128;
    /** JVM options for short runs: compile quickly rather than well. */
    public static final List<String> QUICK = List.of("-XX:TieredStopAtLevel=1");

    private ProcessGroup() {}

    /** @param lastOutputNanos {@link System#nanoTime} of its last line, or of the end of its output */
    private record RankChild(
            int rank,
            Process process,
            BufferedReader out,
            PrintStream in,
            Path log,
            Path crashReport,
            AtomicLong lastOutputNanos) {}

    /**
     * Runs {@code main} with arguments rank, size and {@code arguments} in {@code size} processes; each must call
     * {@link RankProcess#join}.
     *
     * @param silenceLimit how long they may run without a line from any of them
     * @param onLine receives rank and text of every {@link RankProcess#say} before this returns, also from ranks that
     *     die
     * @return empty if all exited with 0, otherwise a description of the rank that failed first
     */
    public static Optional<RankFailure> run(
            Class<?> main, int size, Duration silenceLimit, List<String> arguments, BiConsumer<Integer, String> onLine)
            throws IOException, InterruptedException {
        return run(QUICK, main, size, silenceLimit, arguments, onLine);
    }

    /** As above, with options for the JVMs. */
    public static Optional<RankFailure> run(
            List<String> jvm,
            Class<?> main,
            int size,
            Duration silenceLimit,
            List<String> arguments,
            BiConsumer<Integer, String> onLine)
            throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("swav-ranks-");
        List<RankChild> children = new ArrayList<>();
        List<CompletableFuture<Void>> readers = new ArrayList<>();
        try {
            for (int rank = 0; rank < size; rank++) {
                children.add(start(folder, jvm, main, rank, size, arguments));
            }
            String key = UUID.randomUUID().toString();
            children.forEach(child -> child.in().println(key));
            List<String> ports = new ArrayList<>();
            for (RankChild child : children) {
                Optional<String> port = next(child);
                if (port.isEmpty()) {
                    return Optional.of(ended(child));
                }
                child.lastOutputNanos().set(System.nanoTime());
                ports.add(port.get());
            }
            children.forEach(child -> child.in().println(String.join(",", ports)));
            for (RankChild child : children) {
                readers.add(CompletableFuture.runAsync(
                        () -> listen(child, onLine), command -> DaemonThreads.start("rank-output", command)));
            }
            boolean ended = awaitEnd(children, silenceLimit);
            if (ended) {
                readers.forEach(CompletableFuture::join);
            }
            Optional<RankChild> failed = firstFailed(children);
            if (failed.isPresent()) {
                return Optional.of(ended(failed.get()));
            }
            return ended ? Optional.empty() : Optional.of(hung(children, silenceLimit));
        } finally {
            for (RankChild child : children) {
                child.process().destroyForcibly().waitFor();
            }
            readers.forEach(CompletableFuture::join);
            delete(folder);
        }
    }

    private static void listen(RankChild child, BiConsumer<Integer, String> onLine) {
        for (Optional<String> line = next(child); line.isPresent(); line = next(child)) {
            child.lastOutputNanos().set(System.nanoTime());
            onLine.accept(child.rank(), line.get());
        }
        child.lastOutputNanos().set(System.nanoTime());
    }

    /** Waits until all have ended; false if all were silent for too long. */
    private static boolean awaitEnd(List<RankChild> children, Duration silenceLimit) throws InterruptedException {
        for (RankChild child : children) {
            long left = silenceLimit.toNanos();
            while (!child.process().waitFor(left, TimeUnit.NANOSECONDS)) {
                long now = System.nanoTime();
                long silent = children.stream()
                        .mapToLong(other -> now - other.lastOutputNanos().get())
                        .min()
                        .orElseThrow();
                left = silenceLimit.toNanos() - silent;
                if (left <= 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /**
     * Finds the rank that failed first: one that a signal ended, else the first to end. Others fail only because they
     * lost it.
     */
    private static Optional<RankChild> firstFailed(List<RankChild> children) {
        return children.stream()
                .filter(child -> !child.process().isAlive() && child.process().exitValue() != 0)
                .min(Comparator.comparing((RankChild child) -> child.process().exitValue() <= SIGNALLED)
                        .thenComparing(ProcessGroup::silence, Comparator.reverseOrder()));
    }

    /** Blames the rank that has been silent the longest: the others wait for it. */
    private static RankFailure hung(List<RankChild> children, Duration silenceLimit) throws IOException {
        RankChild child = children.stream()
                .max(Comparator.comparing((RankChild other) -> other.process().isAlive())
                        .thenComparing(ProcessGroup::silence))
                .orElseThrow();
        return new RankFailure(
                child.rank(),
                "rank " + child.rank() + " of " + children.size() + " hung: no output for " + silenceLimit.toSeconds()
                        + " s" + tail(child));
    }

    private static long silence(RankChild child) {
        return System.nanoTime() - child.lastOutputNanos().get();
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(folder);
    }

    private static RankChild start(
            Path folder, List<String> jvm, Class<?> main, int rank, int size, List<String> arguments)
            throws IOException {
        Path log = folder.resolve("rank" + rank + ".log");
        Path crashReport = folder.resolve("rank" + rank + ".crash");
        // in case this JVM is interrupted; files are deleted in reverse order of registration
        Stream.of(folder, log, crashReport).map(Path::toFile).forEach(File::deleteOnExit);
        List<String> all = new ArrayList<>(List.of(String.valueOf(rank), String.valueOf(size)));
        all.addAll(arguments);
        ProcessBuilder builder = ChildJvm.prepare(crashReport, jvm, main, all).redirectError(log.toFile());
        builder.environment().put("OMP_NUM_THREADS", "1");
        builder.environment().put("OMP_WAIT_POLICY", "PASSIVE");
        Process process = builder.start();
        return new RankChild(
                rank,
                process,
                reader(process.getInputStream()),
                new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8),
                log,
                crashReport,
                new AtomicLong(System.nanoTime()));
    }

    private static BufferedReader reader(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    /** The next line that the child sent; empty at the end. */
    private static Optional<String> next(RankChild child) {
        try {
            String line = child.out().readLine();
            while (line != null && !line.startsWith(RankProcess.PREFIX)) {
                line = child.out().readLine();
            }
            return Optional.ofNullable(line).map(text -> text.substring(RankProcess.PREFIX.length()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static RankFailure ended(RankChild child) throws IOException, InterruptedException {
        int exit = child.process().waitFor();
        Optional<String> crash = CrashReport.read(child.crashReport()).map(what -> " died: " + what);
        return new RankFailure(
                child.rank(), "rank " + child.rank() + crash.orElse(" ended with exit code " + exit + tail(child)));
    }

    private static String tail(RankChild child) throws IOException {
        String log = Files.readString(child.log()).strip();
        return log.isEmpty() ? "" : ": " + log.substring(Math.max(0, log.length() - LOG_TAIL));
    }
}
