package io.swav.golden;

import java.io.BufferedReader;
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
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** Real processes on this machine, one a rank, that form a world over sockets: the same Java, the same class path. */
public final class RankProcesses {
    private static final int LOG_TAIL = 600;
    /** For short runs: compiles fast rather than well. */
    private static final List<String> QUICK = List.of("-XX:TieredStopAtLevel=1");

    private RankProcesses() {}

    private record Child(Process process, BufferedReader out, PrintStream in, Path log) {}

    /**
     * Runs {@code main} with arguments rank, size and {@code arguments} in {@code size} processes; each calls {@link
     * RankProcess#join}.
     *
     * @param said gets rank and text of every {@link RankProcess#say}
     * @return empty when all exited with 0, otherwise what happened, with the end of that rank's log
     */
    public static Optional<String> run(
            Class<?> main, int size, Duration timeout, List<String> arguments, BiConsumer<Integer, String> said)
            throws IOException, InterruptedException {
        return run(QUICK, main, size, timeout, arguments, said);
    }

    /** The same with options for the JVMs. */
    public static Optional<String> run(
            List<String> jvm,
            Class<?> main,
            int size,
            Duration timeout,
            List<String> arguments,
            BiConsumer<Integer, String> said)
            throws IOException, InterruptedException {
        List<Child> children = new ArrayList<>();
        try {
            for (int rank = 0; rank < size; rank++) {
                children.add(start(jvm, main, rank, size, arguments));
            }
            String key = UUID.randomUUID().toString();
            children.forEach(child -> child.in().println(key));
            List<String> ports = new ArrayList<>();
            for (int rank = 0; rank < size; rank++) {
                Optional<String> port = next(children.get(rank));
                if (port.isEmpty()) {
                    return Optional.of(ended(rank, children.get(rank)));
                }
                ports.add(port.get());
            }
            children.forEach(child -> child.in().println(String.join(",", ports)));
            List<CompletableFuture<Void>> readers = new ArrayList<>();
            for (int rank = 0; rank < size; rank++) {
                int of = rank;
                readers.add(CompletableFuture.runAsync(
                        () -> {
                            for (Optional<String> line = next(children.get(of)); line.isPresent(); ) {
                                said.accept(of, line.get());
                                line = next(children.get(of));
                            }
                        },
                        command -> daemon(command).start()));
            }
            long end = System.nanoTime() + timeout.toNanos();
            for (int rank = 0; rank < size; rank++) {
                Child child = children.get(rank);
                if (!child.process().waitFor(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS)) {
                    return Optional.of("rank " + rank + " of " + size + " did not end within " + timeout.toSeconds()
                            + " s" + tail(child));
                }
            }
            readers.forEach(CompletableFuture::join);
            for (int rank = 0; rank < size; rank++) {
                if (children.get(rank).process().exitValue() != 0) {
                    return Optional.of(ended(rank, children.get(rank)));
                }
            }
            return Optional.empty();
        } finally {
            for (Child child : children) {
                child.process().destroyForcibly().waitFor();
                Files.deleteIfExists(child.log());
            }
        }
    }

    private static Thread daemon(Runnable command) {
        Thread thread = new Thread(command, "rank-output");
        thread.setDaemon(true);
        return thread;
    }

    private static Child start(List<String> jvm, Class<?> main, int rank, int size, List<String> arguments)
            throws IOException {
        Path log = Files.createTempFile("swav-rank" + rank + "-", ".log");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-XX:+UseSerialGC"));
        command.addAll(jvm);
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                main.getName(),
                String.valueOf(rank),
                String.valueOf(size)));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(log.toFile());
        builder.environment().put("OMP_NUM_THREADS", "1");
        builder.environment().put("OMP_WAIT_POLICY", "PASSIVE");
        Process process = builder.start();
        return new Child(
                process,
                reader(process.getInputStream()),
                new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8),
                log);
    }

    private static BufferedReader reader(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    /** The next line that was said; empty at the end. */
    private static Optional<String> next(Child child) {
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

    private static String ended(int rank, Child child) throws IOException, InterruptedException {
        return "rank " + rank + " ended with exit code " + child.process().waitFor() + tail(child);
    }

    private static String tail(Child child) throws IOException {
        String log = Files.readString(child.log()).strip();
        return log.isEmpty() ? "" : ": " + log.substring(Math.max(0, log.length() - LOG_TAIL));
    }
}
