package io.swav.chaos;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.TrainerEnv;
import io.swav.cli.DrawnPictures;
import io.swav.data.TrainTestSplit;
import io.swav.local.JobMonitor;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code swav storm}: one job in peace and in a storm, and what the difference is. */
@Command(
        name = "storm",
        description = {
            "Trains a job on a local cluster of its own, then the same job under a seeded script of kills, notices,"
                    + " hangs and resizes, and shows what that cost: steps and samples lost, seconds paused, and whether"
                    + " the weights are the same bits."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:every promise was kept", "1:one was broken, or the job failed"})
public final class StormCommand implements Callable<Integer> {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Option(names = "--ranks", description = "Trainers at the beginning (default: ${DEFAULT-VALUE}).")
    private int ranks = 4;

    @Option(names = "--min", description = "Fewest trainers that a resize asks for (default: ${DEFAULT-VALUE}).")
    private int min = 2;

    @Option(names = "--max", description = "Most trainers that a resize asks for (default: ${DEFAULT-VALUE}).")
    private int max = 5;

    @Option(names = "--spares", description = "Trainers kept ready beside them (default: ${DEFAULT-VALUE}).")
    private int spares;

    @Option(names = "--steps", description = "Steps of the job (default: ${DEFAULT-VALUE}).")
    private long steps = 300;

    @Option(
            names = "--step-seconds",
            paramLabel = "SECONDS",
            description = "How long a step takes at least: time for trainers to start between two events, as the steps"
                    + " of a job worth a cluster leave it (default: ${DEFAULT-VALUE}).")
    private double stepSeconds = 0.4;

    @Option(names = "--kills", description = "SIGKILL to a trainer (default: ${DEFAULT-VALUE}).")
    private int kills = 10;

    @Option(
            names = "--notices",
            description = "Notice to a trainer, in turn: deleted, evicted, SIGTERM, spot taint on its node"
                    + " (default: ${DEFAULT-VALUE}).")
    private int notices = 10;

    @Option(names = "--resizes", description = "Changes of replicas (default: ${DEFAULT-VALUE}).")
    private int resizes = 6;

    @Option(names = "--hangs", description = "SIGSTOP to a trainer (default: ${DEFAULT-VALUE}).")
    private int hangs = 2;

    @Option(
            names = "--node-losses",
            description = "Nodes that die with all their trainers, and nobody tells (default: ${DEFAULT-VALUE}).")
    private int nodeLosses;

    @Option(names = "--nodes", description = "Nodes of the cluster (default: ${DEFAULT-VALUE}).")
    private int nodes = 3;

    @Option(
            names = "--kill-every",
            paramLabel = "SECONDS",
            description = "Also a SIGKILL every so often, by the clock.")
    private double killEvery;

    @Option(
            names = "--seconds",
            paramLabel = "SECONDS",
            description = "Cut the storm off so long after its first step, without a quiet run to compare with.")
    private double seconds;

    @Option(names = "--stop-api", paramLabel = "SECONDS", description = "Once, the API server is away for so long.")
    private double stopApi;

    @Option(names = "--stop-operator", paramLabel = "SECONDS", description = "Once, the operator is away for so long.")
    private double stopOperator;

    @Option(names = "--kill-all-but-one", description = "Once, SIGKILL to all trainers but one.")
    private boolean killAllButOne;

    @Option(names = "--kill-all", description = "Once, SIGKILL to all trainers: the newest checkpoint carries on.")
    private boolean killAll;

    @Option(names = "--seed", description = "Seed of the script (default: ${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(names = "--architecture", description = "tiny, resnet18 or resnet50 (default: ${DEFAULT-VALUE}).")
    private String architecture = "tiny";

    @Option(names = "--data", paramLabel = "DIR", description = "Pictures to train on (default: drawn here).")
    private @Nullable Path data;

    @Option(names = "--mode", description = "Bitwise or Fast (default: ${DEFAULT-VALUE}).")
    private String mode = "Bitwise";

    @Option(names = "--batch", description = "Pictures a step (default: ${DEFAULT-VALUE}).")
    private int batch = 512;

    @Option(names = "--group-size", description = "Pictures a group (default: ${DEFAULT-VALUE}).")
    private int groupSize = 32;

    @Option(names = "--every-steps", description = "Steps between checkpoints (default: ${DEFAULT-VALUE}).")
    private long everySteps = 25;

    @Option(
            names = "--env",
            paramLabel = "NAME=VALUE",
            description = "Environment of the storm's trainers, not of the quiet run's; may be repeated.")
    private Map<String, String> env = Map.of();

    @Option(
            names = "--hung-after",
            paramLabel = "SECONDS",
            description = "When a trainer that its peers wait for counts as hung (default: ${DEFAULT-VALUE}).")
    private int hungAfter = 10;

    @Option(
            names = "--quiet",
            paramLabel = "DIR",
            description = "Keep the quiet run here, and use the one that is there already if its job is the same.")
    private @Nullable Path quiet;

    @Option(names = "--dir", paramLabel = "DIR", description = "Folder of all this (default: .swav/storm).")
    private @Nullable Path dir;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures here.")
    private @Nullable Path json;

    @Override
    public Integer call() throws IOException {
        Path home = dir == null ? LocalDeployment.defaultDir("storm") : dir.toAbsolutePath();
        Path cluster = home.resolve("cluster");
        Path stormy = home.resolve("run");
        boolean compare = seconds == 0;
        StormScript.Wishes wishes = new StormScript.Wishes(
                kills,
                notices,
                hangs,
                resizes,
                nodeLosses,
                ranks,
                min,
                max,
                nodes,
                killEvery,
                stopApi,
                stopOperator,
                killAllButOne,
                killAll);
        StormJob job = StormJob.of(new StormJob.Size(architecture, pictures(home), steps, batch, groupSize, mode));
        Storm.Setting setting = setting(wishes, stormy);
        Thread cleanUp = new Thread(() -> LocalDeployment.down(cluster), "clean-up");
        Runtime.getRuntime().addShutdownHook(cleanUp);
        LocalDeployment.down(cluster); // of an earlier run, perhaps of an older build
        LocalDeployment stack = setting.apart()
                ? LocalDeployment.upApart(cluster, nodes, System.err::println)
                : LocalDeployment.up(cluster, nodes, Map.of(), System.err::println);
        StormReport report;
        try {
            Optional<Path> reference = compare ? Optional.of(quietRun(stack, job, home)) : Optional.empty();
            LocalControlPlane.deleteTree(stormy);
            Files.createDirectories(stormy);
            Storm.Outcome outcome;
            System.out.println("storm:");
            try (Storm storm = new Storm(
                    stack,
                    job.object("storm", stormy, elastic(Math.max(max, ranks), spares), paced(env)),
                    setting,
                    StatusLine.standard())) {
                outcome = storm.run();
            }
            report = StormJudge.judge(
                    Journal.readAll(StormJob.journal(stormy)),
                    outcome.happenings(),
                    outcome.missed(),
                    reference.map(folder -> compared(folder, stormy)),
                    new StormJudge.Wanted(compare ? steps : 0, seed, mode, job.order(), everySteps),
                    outcome.wallSeconds());
        } finally {
            LocalDeployment.down(cluster);
            Runtime.getRuntime().removeShutdownHook(cleanUp);
        }
        print(report);
        if (json != null) {
            JSON.writerWithDefaultPrettyPrinter().writeValue(json.toFile(), report);
        }
        return report.broken().isEmpty() ? 0 : 1;
    }

    private Storm.Setting setting(StormScript.Wishes wishes, Path folder) {
        try {
            StormScript.plan(wishes, steps, seed);
        } catch (IllegalArgumentException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
        if (nodeLosses > 0 && nodes < 2) {
            throw new LocalClusterException("--node-losses needs --nodes 2 or more: somebody has to survive");
        }
        return new Storm.Setting(
                folder, folder.resolve("happenings.jsonl"), wishes, steps, seed, nodeLosses > 0, seconds);
    }

    private StormJob.Elastic elastic(int most, int beside) {
        return new StormJob.Elastic(ranks, most, beside, everySteps, hungAfter);
    }

    private Map<String, String> paced(Map<String, String> variables) {
        Map<String, String> all = new LinkedHashMap<>(variables);
        all.putIfAbsent(TrainerEnv.STEP_SECONDS, Double.toString(stepSeconds));
        return all;
    }

    /** The folder of the quiet run, made now unless it is there. */
    private Path quietRun(LocalDeployment stack, StormJob job, Path home) throws IOException {
        Path folder = quiet == null ? home.resolve("quiet") : quiet.toAbsolutePath();
        Path done = folder.resolve("job.yaml");
        if (quiet != null && Files.exists(done)) {
            if (!Files.readString(done).equals(job.maths())) {
                throw new LocalClusterException(
                        folder + " holds the quiet run of another job, see " + done + "; name another folder");
            }
            System.out.println("quiet run: " + folder);
            return folder;
        }
        LocalControlPlane.deleteTree(folder);
        Files.createDirectories(folder);
        System.out.println("quiet run:");
        try (JobMonitor run = new JobMonitor(
                stack, job.object("quiet", folder, elastic(ranks, 0), paced(Map.of())), StatusLine.standard())) {
            run.await(now -> {});
            run.delete();
        }
        Files.writeString(done, job.maths());
        return folder;
    }

    private StormJudge.Quiet compared(Path reference, Path stormy) {
        FinalWeights here = FinalWeights.of(StormJob.checkpoints(stormy), steps);
        FinalWeights there = FinalWeights.of(StormJob.checkpoints(reference), steps);
        return new StormJudge.Quiet(Journal.readAll(StormJob.journal(reference)), Optional.of(here.against(there)));
    }

    private String pictures(Path home) {
        return TrainTestSplit.of(
                        data == null
                                ? DrawnPictures.in(home)
                                : data.toAbsolutePath().normalize())
                .train();
    }

    private static void print(StormReport report) {
        System.out.printf(
                Locale.ROOT,
                """
                %d steps in %.0f s; %d kills, %d notices, %d resizes, %d hangs, %d lost nodes
                steps lost: %d with notice, %d without
                samples not exactly once: %d
                goodput: %.1f %%
                """,
                report.steps(),
                report.wallSeconds(),
                report.kills(),
                report.notices(),
                report.resizes(),
                report.hangs(),
                report.nodeLosses(),
                report.stepsLostWithNotice(),
                report.stepsLostWithoutNotice(),
                report.samplesNotExactlyOnce(),
                100 * report.goodput());
        report.pauseSeconds()
                .forEach((cause, pause) -> System.out.printf(
                        Locale.ROOT,
                        "pause, %-8s p50 %.2f s, p95 %.2f s, max %.2f s (%d changes of the world)%n",
                        cause + ":",
                        pause.p50(),
                        pause.p95(),
                        pause.max(),
                        pause.count()));
        if (report.weightsEqual() != null) {
            System.out.printf(
                    Locale.ROOT,
                    "weights against the quiet run: %s (relative difference %.3g); loss of every step: %s%n",
                    report.weightsEqual() ? "equal, bit for bit" : "not equal",
                    report.weightsRelativeL2(),
                    Boolean.TRUE.equals(report.lossEqual()) ? "equal, bit for bit" : "not equal");
        }
        System.out.println("survivors kept their processes: " + (report.survivorsKeptProcess() ? "yes" : "no"));
        if (report.stepsWithoutApi() != null) {
            System.out.println("steps made without the API server: " + report.stepsWithoutApi());
        }
        if (report.stepsWithoutOperator() != null) {
            System.out.println("steps made without the operator: " + report.stepsWithoutOperator());
        }
        for (String promise : report.broken()) {
            System.out.println("BROKEN: " + promise);
        }
        System.out.println(
                report.broken().isEmpty()
                        ? "every promise was kept"
                        : report.broken().size() + " promises broken");
    }
}
