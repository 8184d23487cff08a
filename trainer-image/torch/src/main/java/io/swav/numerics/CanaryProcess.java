package io.swav.numerics;

import io.swav.torch.ChildJvm;
import io.swav.torch.CrashReport;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Runs a canary in a JVM of its own, which may die without ending the trainer. */
final class CanaryProcess implements Numerics.IsolatedCanary {
    private static final int WRONG = 1;
    private static final long TIMEOUT_SECONDS = 120;

    private final Class<?> main;
    private final Map<String, String> environment;

    CanaryProcess() {
        this(CanaryProcess.class, Map.of());
    }

    /**
     * @param main accepts the arguments of {@link #main}
     * @param environment of the child, in addition to this process's own
     */
    CanaryProcess(Class<?> main, Map<String, String> environment) {
        this.main = main;
        this.environment = environment;
    }

    /**
     * Runs the standard canary. Arguments: whether oneDNN is on, number of threads, precisions. If an output is wrong,
     * prints one line to standard output and exits with 1.
     */
    public static void main(String[] arguments) {
        System.exit(run(Canary.STANDARD, arguments));
    }

    static int run(Canary canary, String[] arguments) {
        TorchRuntime.start();
        TorchRuntime.useOneDnn(Boolean.parseBoolean(arguments[0]));
        TorchRuntime.setThreads(Integer.parseInt(arguments[1]));
        List<Precision> precisions = List.of(arguments).subList(2, arguments.length).stream()
                .map(Precision::valueOf)
                .toList();
        Optional<Deviation> wrong = Canary.worst(canary.run(precisions));
        wrong.ifPresent(System.out::println);
        return wrong.isPresent() ? WRONG : 0;
    }

    @Override
    public Optional<String> run(boolean oneDnn, Collection<Precision> precisions) {
        try {
            Path folder = Files.createTempDirectory("swav-canary");
            try {
                return outcome(folder, arguments(oneDnn, precisions));
            } finally {
                for (String name : List.of("crash", "out", "err")) {
                    Files.deleteIfExists(folder.resolve(name));
                }
                Files.delete(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot test libtorch's kernels in a separate process", e);
        }
    }

    private static List<String> arguments(boolean oneDnn, Collection<Precision> precisions) {
        List<String> arguments =
                new ArrayList<>(List.of(String.valueOf(oneDnn), String.valueOf(TorchRuntime.threads())));
        precisions.forEach(precision -> arguments.add(precision.name()));
        return arguments;
    }

    private Optional<String> outcome(Path folder, List<String> arguments) throws IOException {
        ProcessBuilder builder = ChildJvm.prepare(folder.resolve("crash"), List.of(), main, arguments)
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectOutput(folder.resolve("out").toFile())
                .redirectError(folder.resolve("err").toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                return Optional.of("libtorch's kernels did not finish within " + TIMEOUT_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while libtorch's kernels were tested", e);
        } finally {
            process.destroyForcibly();
        }
        if (process.exitValue() == 0) {
            return Optional.empty();
        }
        if (process.exitValue() == WRONG) {
            return Optional.of(Files.readString(folder.resolve("out")).strip());
        }
        Optional<String> crash = CrashReport.read(folder.resolve("crash"));
        return Optional.of(
                crash.isPresent()
                        ? "a kernel of libtorch killed the process, " + crash.get()
                        : "the process that tested libtorch's kernels ended with exit code " + process.exitValue()
                                + tail(folder.resolve("err")));
    }

    private static String tail(Path log) throws IOException {
        String text = new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
        return text.lines().filter(line -> !line.isBlank()).limit(3).collect(Collectors.joining(" ", ": ", ""));
    }
}
