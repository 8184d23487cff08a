package io.swav.operatorbench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bench operator}: measures what many jobs cost the operator and the API server. */
@Command(
        name = "operator",
        mixinStandardHelpOptions = true,
        description = {
            "Creates many jobs on a cluster of its own, and measures the operator: its requests, processor time, memory,"
                    + " metrics, and how fast it acts.",
            "API server and etcd are real, with their data in memory (/dev/shm) if that is possible. The operator is a"
                    + " process of its own with the JVM options, the memory limit and the permissions that the chart"
                    + " installs. Nodes, kubelets and trainers are simulated; trainers report through the real one's code.",
            "Progress goes to standard error, the result to standard output. Everything that was started is ended, and"
                    + " its folder is deleted."
        },
        exitCodeListHeading = "Exit codes:%n",
        exitCodeList = {
            "0: measured, and all jobs were as they should be in the end",
            "1: they were not, or something did not start",
            "2: wrong options"
        })
public final class OperatorBench implements Callable<Integer> {
    private static final String STANDARD_OUTPUT = "-";

    @Option(names = "--jobs", paramLabel = "N", description = "Number of jobs (default: ${DEFAULT-VALUE}).")
    private int jobs = 100;

    @Option(
            names = "--mix",
            paramLabel = "KIND=SHARE",
            split = ",",
            description = "What share of the jobs is SUSPENDED, PENDING (without nodes), RUNNING, ENDED"
                    + " (default: the same share of each).")
    private Map<JobKind, Integer> mix = new LinkedHashMap<>();

    @Option(
            names = "--pods",
            paramLabel = "N",
            description = "Pods of a job that is not suspended (default: ${DEFAULT-VALUE}).")
    private int pods = 2;

    @Option(names = "--nodes", paramLabel = "N", description = "Simulated nodes (default: ${DEFAULT-VALUE}).")
    private int nodes = 16;

    @Option(
            names = "--idle-seconds",
            paramLabel = "S",
            description = "How long to watch while nothing happens but heartbeats of nodes and reports of trainers"
                    + " (default: ${DEFAULT-VALUE}).")
    private int idleSeconds = 30;

    @Option(
            names = "--report-seconds",
            paramLabel = "S",
            description =
                    "How often a trainer looks whether a report is due. A real one does so every second. Two cores"
                            + " cannot serve more than a few hundred small jobs like that (default: ${DEFAULT-VALUE}).")
    private double reportSeconds = 1;

    @Option(
            names = "--probes",
            paramLabel = "N",
            description = "Jobs that are created one after the other beside the others, to measure how long they wait"
                    + " for their pods (default: ${DEFAULT-VALUE}).")
    private int probes = 20;

    @Option(
            names = "--signals",
            paramLabel = "N",
            description = "Pods of running jobs that are deleted, to measure how long a world without them takes"
                    + " (default: ${DEFAULT-VALUE}).")
    private int signals = 20;

    @Option(
            names = "--chaos",
            paramLabel = "PERCENT",
            arity = "0..1",
            fallbackValue = "10",
            description = "While probes and signals are measured, let this share of the operator's requests fail (10"
                    + " without a number): 409, 410, 429 with Retry-After, 500, 504, connections that are reset or hang,"
                    + " answers that are lost after the server has done the work, watches that are cut or freeze. Requests for"
                    + " the leader election are spared.")
    private int chaos;

    @Option(
            names = "--kills",
            paramLabel = "N",
            description = "Kill the operator N times while running jobs grow, shrink and lose pods, with the faults of"
                    + " --chaos, and check that no pod is too many, no status wrong, and no Event missing or told twice"
                    + " (default: ${DEFAULT-VALUE}).")
    private int kills;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of what is chosen at random (default: ${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            arity = "0..1",
            fallbackValue = STANDARD_OUTPUT,
            description = "Print the result as JSON instead of a table, or with a file, write it there as well.")
    private @Nullable String json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        BenchPlan plan = plan();
        Path folder = BenchFolder.create();
        Thread cleanUp = new Thread(() -> BenchRun.end(folder), "clean-up");
        Runtime.getRuntime().addShutdownHook(cleanUp);
        BenchReport report;
        try (BenchRun run = new BenchRun(plan, folder)) {
            report = run.measure();
        } finally {
            BenchRun.end(folder);
            Runtime.getRuntime().removeShutdownHook(cleanUp);
        }
        print(report);
        return report.problems().isEmpty() ? 0 : 1;
    }

    private void print(BenchReport report) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        String text = new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(report);
        if (STANDARD_OUTPUT.equals(json)) {
            out.println(text);
        } else {
            BenchTable.lines(report).forEach(out::println);
            if (json != null) {
                Files.writeString(Path.of(json), text + "\n");
            }
        }
        out.flush();
    }

    private BenchPlan plan() {
        require(jobs >= 1 && jobs < 100_000, "--jobs must be between 1 and 99999");
        require(pods >= 1, "--pods must be at least 1");
        require(nodes >= 1, "--nodes must be at least 1");
        require(idleSeconds >= 1, "--idle-seconds must be at least 1");
        require(reportSeconds > 0, "--report-seconds must be above 0");
        require(probes >= 0 && signals >= 0, "--probes and --signals must not be negative");
        require(kills >= 0, "--kills must not be negative");
        require(chaos >= 0 && chaos <= 90, "--chaos must be between 0 and 90 percent");
        if (mix.isEmpty()) {
            mix.putAll(Map.of(JobKind.SUSPENDED, 1, JobKind.PENDING, 1, JobKind.RUNNING, 1, JobKind.ENDED, 1));
        }
        try {
            return new BenchPlan(
                    BenchPlan.divide(jobs, mix),
                    pods,
                    nodes,
                    Duration.ofSeconds(idleSeconds),
                    Duration.ofNanos((long) (reportSeconds * 1e9)),
                    probes,
                    signals,
                    chaos,
                    kills,
                    seed);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
    }

    private void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new ParameterException(spec.commandLine(), otherwise);
        }
    }
}
