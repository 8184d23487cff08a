package io.swav.benchmark;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.CropSpec;
import io.swav.api.SwavJobSpec;
import io.swav.data.CropBatches;
import io.swav.data.DataSynthCommand;
import io.swav.data.IndexHome;
import io.swav.model.Learner;
import io.swav.model.TrainStep;
import io.swav.trainer.Main;
import io.swav.trainer.SwavTrainingFactory;
import io.swav.trainer.TrainCommand;
import io.swav.trainer.TrainingFactory;
import io.swav.trainer.TrainingSchedule;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench step}: measures the CPU seconds of a whole training step, by phase, in {@code swav train} itself. */
@Command(
        name = "step",
        mixinStandardHelpOptions = true,
        description = {
            "Trains on synthetic images with one thread and reports where the CPU time of a step goes.",
            "Each case runs in a separate process, so that its peak memory is measured separately."
        })
public final class StepBench implements Callable<Integer> {
    /** A measured network: a step has one group of {@code batch} images of {@code side} pixels. */
    private record Setup(
            String name,
            String architecture,
            String stem,
            int batch,
            int hidden,
            int prototypes,
            List<CropSpec> crops) {
        int side() {
            return crops.get(0).size();
        }
    }

    private static final List<CropSpec> SMALL = crops(32, 4, 20);
    private static final List<CropSpec> LARGE = crops(224, 6, 96);
    private static final List<Setup> SETUPS = List.of(
            new Setup("resnet18", "resnet18", "imagenet", 64, 512, 100, SMALL),
            new Setup("resnet18-3x3", "resnet18", "small", 64, 512, 100, SMALL),
            new Setup("resnet50", "resnet50", "imagenet", 8, 2048, 3000, LARGE));
    private static final int WARM_UP = 4;

    /**
     * @param cpuSeconds per step, by phase, and {@code total} for the process: the rest is the JVM and the trainer's
     *     loop
     * @param waitSeconds for which a step waits for its data, by the clock: {@code mean} and {@code longest}
     */
    public record StepCase(
            String name, Map<String, Double> cpuSeconds, Map<String, Double> waitSeconds, long peakRssBytes) {}

    @Option(
            names = "--case",
            paramLabel = "NAME",
            description = "resnet18, resnet18-3x3 or resnet50 (default: the first and the last).")
    private List<String> names = new ArrayList<>(List.of("resnet18", "resnet50"));

    @Option(names = "--steps", description = "Measured steps, after four to warm up (default: ${DEFAULT-VALUE}).")
    private int steps = 10;

    @Option(
            names = "--augment-on",
            paramLabel = "WHERE",
            description = "The job's spec.data.augmentOn, Host or Device (default: ${DEFAULT-VALUE}).")
    private String augmentOn = "Host";

    @Option(
            names = "--data",
            paramLabel = "URI",
            description = "Train on these images, as spec.data.uri (default: synthetic ones, in a local folder).")
    private @Nullable String data;

    @Option(names = "--endpoint", paramLabel = "URL", description = "Endpoint of the S3 service of --data.")
    private @Nullable String endpoint;

    @Option(names = "--workers", description = "The job's spec.data.workers (default: ${DEFAULT-VALUE}).")
    private int workers = 1;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE, JSON.")
    private @Nullable Path json;

    /** Runs one case in this process; the bench starts each case this way. */
    @Option(names = "--here", hidden = true)
    private boolean here;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        List<StepCase> cases = new ArrayList<>();
        for (String name : names) {
            Setup setup = SETUPS.stream()
                    .filter(one -> one.name().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new CommandLine.ParameterException(
                            spec.commandLine(),
                            "--case " + name + ": must be one of resnet18, resnet18-3x3, resnet50"));
            StepCase measured = here ? measure(setup) : inAProcess(name);
            cases.add(measured);
            if (!here) {
                print(out, measured);
            }
        }
        if (json != null) {
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), Map.of("cases", cases));
        }
        return 0;
    }

    private static void print(PrintWriter out, StepCase of) {
        out.printf("%s: CPU seconds a step, peak memory %d MiB%n", of.name(), of.peakRssBytes() >> 20);
        double total = of.cpuSeconds().getOrDefault("total", 0.0);
        double rest = total;
        for (Map.Entry<String, Double> phase : of.cpuSeconds().entrySet()) {
            line(out, phase.getKey(), phase.getValue(), total);
            rest -= phase.getKey().equals("total") ? 0 : phase.getValue();
        }
        line(out, "(not in a phase)", rest, total);
        out.printf(
                Locale.ROOT,
                "  waiting for data, by the clock: %.4f s a step, %.4f s at most%n",
                of.waitSeconds().getOrDefault("mean", 0.0),
                of.waitSeconds().getOrDefault("longest", 0.0));
        out.flush();
    }

    private static void line(PrintWriter out, String what, double seconds, double total) {
        out.printf(Locale.ROOT, "  %-16s %8.4f  %5.1f %%%n", what, seconds, 100 * seconds / total);
    }

    private StepCase inAProcess(String name) throws IOException, InterruptedException {
        Path answer = Files.createTempFile("swav-bench-step", ".json");
        try {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(Main.JVM_OPTIONS);
            command.addAll(List.of(
                    "-cp",
                    System.getProperty("java.class.path"),
                    BenchCommand.class.getName(),
                    "step",
                    "--here",
                    "--case",
                    name,
                    "--steps",
                    String.valueOf(steps),
                    "--augment-on",
                    augmentOn,
                    "--workers",
                    String.valueOf(workers),
                    "--json",
                    answer.toString()));
            if (data != null) {
                command.addAll(List.of("--data", data));
            }
            if (endpoint != null) {
                command.addAll(List.of("--endpoint", endpoint));
            }
            ProcessBuilder child = new ProcessBuilder(command);
            child.environment().put("OMP_NUM_THREADS", "1");
            Main.ENVIRONMENT.forEach(child.environment()::putIfAbsent);
            child.redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT);
            if (child.start().waitFor() != 0) {
                throw new IOException("the process that measures " + name + " failed");
            }
            ObjectMapper mapper = new ObjectMapper();
            return mapper.treeToValue(mapper.readTree(answer.toFile()).at("/cases/0"), StepCase.class);
        } finally {
            Files.deleteIfExists(answer);
        }
    }

    private StepCase measure(Setup setup) throws IOException {
        Path folder = Files.createTempDirectory("swav-bench-step");
        try {
            if (data == null) {
                DataSynthCommand.synthesize(folder, setup.batch(), 2, setup.side(), 1);
            }
            Path config = Files.writeString(folder.resolve("job.json"), job(setup, folder));
            StepCpuProfiler meter = new StepCpuProfiler(WARM_UP, steps);
            int code = new CommandLine(new TrainCommand(new Metered(meter), Map.of()))
                    .execute("--config", config.toString());
            if (code != 0) {
                throw new IOException("training ended with exit code " + code);
            }
            return new StepCase(setup.name(), meter.perStep(), meter.waiting(), peakRss());
        } finally {
            delete(folder);
        }
    }

    private String job(Setup setup, Path folder) {
        ObjectNode root = new ObjectMapper().createObjectNode().put("replicas", 1);
        root.putObject("model")
                .put("architecture", setup.architecture())
                .put("stem", setup.stem())
                .put("hiddenDim", setup.hidden())
                .put("prototypes", setup.prototypes());
        ObjectNode where = root.putObject("data")
                .put("uri", data == null ? folder.resolve("train").toUri().toString() : data)
                .put("workers", workers)
                .put("augmentOn", augmentOn);
        if (endpoint != null) {
            where.putObject("s3").put("endpoint", endpoint);
        }
        root.set("crops", new ObjectMapper().valueToTree(setup.crops()));
        root.putObject("training")
                .put("globalBatch", setup.batch())
                .put("groupSize", setup.batch())
                .put("threads", 1)
                .put("epochs", 100 + steps) // longer than the default warm-up, whatever maxSteps is
                .put("maxSteps", WARM_UP + steps);
        return root.toString();
    }

    private static List<CropSpec> crops(int large, int smallCount, int small) {
        return List.of(new CropSpec(2, large, 0.14, 1.0), new CropSpec(smallCount, small, 0.05, 0.14));
    }

    /** Returns the peak of this process's resident memory, bytes; −1 if it is unknown. */
    static long peakRss() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        return -1;
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** SwAV as a job trains it, with a CPU profiler on the learner. */
    private record Metered(StepCpuProfiler meter) implements TrainingFactory {
        @Override
        public String checkKernels(SwavJobSpec spec) {
            return new SwavTrainingFactory().checkKernels(spec);
        }

        @Override
        public CropBatches batches(SwavJobSpec spec, List<IndexHome> homes) {
            return new SwavTrainingFactory().batches(spec, homes);
        }

        @Override
        public TrainStep machine(SwavJobSpec spec, NDManager root, TrainingSchedule schedule) {
            Learner learner = new SwavTrainingFactory().machine(spec, root, schedule);
            learner.watch(meter::enter);
            return learner;
        }
    }
}
