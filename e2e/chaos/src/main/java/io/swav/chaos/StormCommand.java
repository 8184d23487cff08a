package io.swav.chaos;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.data.TrainTestSplit;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.PrivateFiles;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code swav storm} is a chaos test. It trains a job undisturbed (the baseline), repeats it while injecting a seeded
 * sequence of faults, and compares the two by the trainers' step journals.
 */
@Command(
        name = "storm",
        description = {
            "Chaos test. Trains a job undisturbed (the baseline) on a local cluster of its own, repeats it while"
                    + " injecting a seeded sequence of kills, termination notices, hangs and resizes, and reports what"
                    + " the faults cost: steps and samples lost, seconds paused, and whether the weights are equal bit"
                    + " for bit."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:every promise was kept", "1:a promise was broken, or the job failed"})
public final class StormCommand implements Callable<Integer> {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Option(names = "--ranks", description = "Trainers at the start (default: ${DEFAULT-VALUE}).")
    private int ranks = 4;

    @Option(names = "--min", description = "Fewest trainers that a resize requests (default: ${DEFAULT-VALUE}).")
    private int min = 2;

    @Option(names = "--max", description = "Most trainers that a resize requests (default: ${DEFAULT-VALUE}).")
    private int max = 5;

    @Option(names = "--spares", description = "Spare trainers kept ready (default: ${DEFAULT-VALUE}).")
    private int spares;

    @Option(names = "--steps", description = "Training steps of the job (default: ${DEFAULT-VALUE}).")
    private long steps = 300;

    @Option(
            names = "--step-seconds",
            paramLabel = "SECONDS",
            description =
                    "Minimum duration of a step, so that trainers have time to start between two faults, as they do"
                            + " in a real job with long steps (default: ${DEFAULT-VALUE}).")
    private double stepSeconds = 0.4;

    @Option(names = "--kills", description = "Number of SIGKILLs to single trainers (default: ${DEFAULT-VALUE}).")
    private int kills = 10;

    @Option(
            names = "--notices",
            description =
                    "Number of termination notices, in turn: pod deleted, pod evicted, SIGTERM, spot taint on the node"
                            + " (default: ${DEFAULT-VALUE}).")
    private int notices = 10;

    @Option(names = "--resizes", description = "Number of changes of replicas (default: ${DEFAULT-VALUE}).")
    private int resizes = 6;

    @Option(names = "--hangs", description = "Number of SIGSTOPs to single trainers (default: ${DEFAULT-VALUE}).")
    private int hangs = 2;

    @Option(
            names = "--node-losses",
            description = "Number of nodes lost with all their pods, without notice to the API server"
                    + " (default: ${DEFAULT-VALUE}).")
    private int nodeLosses;

    @Option(names = "--nodes", description = "Nodes of the cluster (default: ${DEFAULT-VALUE}).")
    private int nodes = 3;

    @Option(
            names = "--kill-every",
            paramLabel = "SECONDS",
            description = "Also send a SIGKILL to a trainer at this interval.")
    private double killEvery;

    @Option(
            names = "--seconds",
            paramLabel = "SECONDS",
            description = "Stop the storm this long after its first step; skips the baseline and the comparison.")
    private double seconds;

    @Option(names = "--stop-api", paramLabel = "SECONDS", description = "Stop the API server once, for this long.")
    private double stopApi;

    @Option(names = "--stop-operator", paramLabel = "SECONDS", description = "Stop the operator once, for this long.")
    private double stopOperator;

    @Option(names = "--kill-all-but-one", description = "Once, send SIGKILL to all trainers but one.")
    private boolean killAllButOne;

    @Option(
            names = "--kill-all",
            description = "Once, send SIGKILL to all trainers; training resumes from the newest checkpoint.")
    private boolean killAll;

    @Option(names = "--seed", description = "Seed of the fault sequence (default: ${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(names = "--architecture", description = "Network: tiny, resnet18 or resnet50 (default: ${DEFAULT-VALUE}).")
    private String architecture = "tiny";

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Images to train on (default: generated synthetic images).")
    private @Nullable Path data;

    @Option(names = "--mode", description = "Reproducibility: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private SwavJobSpec.Reproducibility mode = SwavJobSpec.Reproducibility.Bitwise;

    @Option(names = "--batch", description = "Images per step, over all trainers (default: ${DEFAULT-VALUE}).")
    private int batch = 512;

    @Option(names = "--group-size", description = "Images per group (default: ${DEFAULT-VALUE}).")
    private int groupSize = 32;

    @Option(names = "--every-steps", description = "Steps between checkpoints (default: ${DEFAULT-VALUE}).")
    private long everySteps = 25;

    @Option(
            names = "--env",
            paramLabel = "NAME=VALUE",
            description = "Environment variable of the storm's trainers, not of the baseline's; repeatable.")
    private Map<String, String> env = Map.of();

    @Option(
            names = "--hung-after",
            paramLabel = "SECONDS",
            description = "How long peers wait for a trainer before it counts as hung (default: ${DEFAULT-VALUE}).")
    private int hungAfter = 10;

    @Option(
            names = "--baseline",
            paramLabel = "DIR",
            description = "Directory of the baseline run; an existing baseline is reused if its job matches.")
    @Nullable
    Path baseline;

    @Option(names = "--dir", paramLabel = "DIR", description = "Working directory of the storm (default: .swav/storm).")
    private @Nullable Path dir;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the report to this file.")
    private @Nullable Path json;

    /** Accepts the name that {@code --baseline} had before. */
    @Option(names = "--quiet", paramLabel = "DIR", hidden = true)
    void quiet(Path folder) {
        baseline = folder;
    }

    @Override
    public Integer call() throws IOException {
        Path home = dir == null ? LocalDeployment.defaultDir("storm") : dir.toAbsolutePath();
        Path cluster = home.resolve("cluster");
        Path stormy = home.resolve("run");
        boolean compare = seconds == 0;
        StormScript.FaultPlan faultPlan = new StormScript.FaultPlan(
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
        StormJob job = StormJob.of(new StormJob.Size(architecture, images(home), steps, batch, groupSize, mode));
        Storm.Setting setting = setting(faultPlan, stormy);
        Thread cleanUp = new Thread(() -> LocalDeployment.down(cluster), "clean-up");
        Runtime.getRuntime().addShutdownHook(cleanUp);
        LocalDeployment.down(cluster); // left by an earlier run, perhaps of an older build
        LocalDeployment stack = setting.apart()
                ? LocalDeployment.upApart(cluster, nodes, System.err::println)
                : LocalDeployment.up(cluster, nodes, Map.of(), System.err::println);
        StormReport report;
        try {
            Optional<Path> reference = compare ? Optional.of(baselineRun(stack, job, home)) : Optional.empty();
            LocalControlPlane.deleteTree(stormy);
            PrivateFiles.folder(stormy);
            Storm.StormOutcome outcome;
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
                    outcome.faults(),
                    outcome.missed(),
                    reference.map(folder -> compare(folder, stormy)),
                    new StormJudge.Expectations(compare ? steps : 0, seed, mode, job.order(), everySteps),
                    outcome.wallSeconds());
        } finally {
            LocalDeployment.down(cluster);
            Runtime.getRuntime().removeShutdownHook(cleanUp);
        }
        StormSummary.print(report);
        if (json != null) {
            JSON.writerWithDefaultPrettyPrinter().writeValue(json.toFile(), report);
        }
        return report.broken().isEmpty() ? 0 : 1;
    }

    private Storm.Setting setting(StormScript.FaultPlan faultPlan, Path folder) {
        try {
            StormScript.plan(faultPlan, steps, seed);
        } catch (IllegalArgumentException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
        if (nodeLosses > 0 && nodes < 2) {
            throw new LocalClusterException(
                    "--node-losses needs --nodes 2 or more, so that a trainer survives on another node");
        }
        return new Storm.Setting(
                folder, folder.resolve("happenings.jsonl"), faultPlan, steps, seed, nodeLosses > 0, seconds);
    }

    private StormJob.Elastic elastic(int maxReplicas, int spareReplicas) {
        return new StormJob.Elastic(ranks, maxReplicas, spareReplicas, everySteps, hungAfter);
    }

    private Map<String, String> paced(Map<String, String> variables) {
        Map<String, String> all = new LinkedHashMap<>(variables);
        all.putIfAbsent(TrainerEnv.STEP_SECONDS, Double.toString(stepSeconds));
        return all;
    }

    /** Returns the folder of the baseline run; trains it now unless a matching one exists. */
    private Path baselineRun(LocalDeployment stack, StormJob job, Path home) throws IOException {
        Path folder = baseline == null ? home.resolve("baseline") : baseline.toAbsolutePath();
        if (baseline != null && BaselineFolder.holds(folder, job.maths())) {
            System.out.println("baseline run: reusing " + folder);
            return folder;
        }
        System.out.println("baseline run:");
        BaselineFolder.train(folder, job, stack, elastic(ranks, 0), paced(Map.of()));
        return folder;
    }

    private StormJudge.BaselineRun compare(Path reference, Path stormy) {
        FinalWeights here = FinalWeights.of(StormJob.checkpoints(stormy), steps);
        FinalWeights there = FinalWeights.of(StormJob.checkpoints(reference), steps);
        return new StormJudge.BaselineRun(
                Journal.readAll(StormJob.journal(reference)), Optional.of(here.against(there)));
    }

    private String images(Path home) {
        return TrainTestSplit.of(
                        data == null
                                ? DrawnImages.in(home)
                                : data.toAbsolutePath().normalize())
                .train();
    }
}
