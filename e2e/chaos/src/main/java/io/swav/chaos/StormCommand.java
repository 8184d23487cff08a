package io.swav.chaos;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.StorageUri;
import io.swav.api.SwavJob;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainingSpec;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Planned;
import io.swav.data.TrainTestSplit;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.PrivateFiles;
import io.swav.local.StatusLine;
import io.swav.s3.S3Flags;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
    /** Name of the job. */
    private static final String STORM = "storm";

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

    @Mixin
    private FaultOptions faults = new FaultOptions();

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

    @Option(names = "--seed", description = "Seed of the fault sequence (default: ${DEFAULT-VALUE}).")
    private long seed = 1;

    @Option(
            names = "--architecture",
            description = "Network: tiny, resnet18, resnet50, ... (default: ${DEFAULT-VALUE}).")
    private String architecture = "tiny";

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Images to train on (default: generated synthetic images).")
    private @Nullable Path data;

    @Option(
            names = "--bucket",
            paramLabel = "URI",
            description =
                    "Keep images and checkpoints in this bucket, as s3://bucket/prefix, instead of in folders; in a"
                            + " new folder there, which is removed when every promise was kept. Credentials are those of the"
                            + " AWS SDK.")
    private @Nullable String bucket;

    @Mixin
    private S3Flags s3 = new S3Flags();

    @Option(names = "--mode", description = "Reproducibility: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private TrainingSpec.Reproducibility mode = TrainingSpec.Reproducibility.Bitwise;

    @Option(names = "--batch", description = "Images per step, over all trainers (default: ${DEFAULT-VALUE}).")
    private int batch = 512;

    @Option(names = "--group-size", description = "Images per group (default: ${DEFAULT-VALUE}).")
    private int groupSize = 32;

    @Option(
            names = "--norm-size",
            paramLabel = "N",
            description = "Images that share batch statistics, a multiple of --group-size (default: one group).")
    private int normSize;

    @Option(
            names = "--queue",
            paramLabel = "N",
            description = "Features of each assigned crop that a queue keeps, from epoch 0 on (default: no queue).")
    private int queue;

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
        StormScript.FaultPlan faultPlan = faults.plan(ranks, min, max, nodes, killEvery);
        List<Planned> script = script(faultPlan);
        Optional<StormBucket> place = place(faultPlan);
        try {
            StormReport report = report(faultPlan, script, home, place);
            StormSummary.print(report);
            if (json != null) {
                JSON.writerWithDefaultPrettyPrinter().writeValue(json.toFile(), report);
            }
            if (!report.broken().isEmpty()) {
                return 1;
            }
            place.ifPresent(StormBucket::remove);
            return 0;
        } finally {
            place.ifPresent(StormBucket::close);
        }
    }

    /** Returns the storm's place in the bucket, if one is named. */
    private Optional<StormBucket> place(StormScript.FaultPlan faultPlan) {
        if (bucket == null) {
            return Optional.empty();
        }
        if (baseline != null) {
            throw new LocalClusterException(
                    "--baseline cannot be used with --bucket: each storm has images of its own there");
        }
        if (faultPlan.count(Kind.OTHER_DATA) > 0) {
            throw new LocalClusterException("--data-changes needs images in a folder: leave out --bucket");
        }
        try {
            return Optional.of(StormBucket.below(bucket, s3.service()));
        } catch (IllegalArgumentException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
    }

    private StormReport report(
            StormScript.FaultPlan faultPlan, List<Planned> script, Path home, Optional<StormBucket> place)
            throws IOException {
        Path cluster = home.resolve("cluster");
        Path stormy = home.resolve("run");
        boolean compare = seconds == 0;
        String images = images(home);
        place.ifPresent(used -> {
            System.out.println("images and checkpoints are in " + used.uri());
            used.upload(images, home.resolve("shards"));
        });
        StormJob job = StormJob.of(
                new StormJob.Size(
                        architecture,
                        images,
                        steps,
                        batch,
                        groupSize,
                        normSize == 0 ? groupSize : normSize,
                        queue,
                        mode),
                place);
        boolean apart = faultPlan.count(Kind.NODE) > 0;
        Optional<StormImages> copy = faultPlan.count(Kind.OTHER_DATA) > 0
                ? Optional.of(StormImages.copy(StorageUri.dataPath(images), home.resolve("images")))
                : Optional.empty();
        Thread cleanUp = new Thread(() -> LocalDeployment.down(cluster), "clean-up");
        Runtime.getRuntime().addShutdownHook(cleanUp);
        LocalDeployment.down(cluster); // left by an earlier run, perhaps of an older build
        LocalDeployment stack = apart
                ? LocalDeployment.upApart(cluster, nodes, System.err::println)
                : LocalDeployment.up(cluster, nodes, Map.of(), System.err::println);
        try {
            place.ifPresent(used -> login(used, stack));
            Optional<Path> reference = compare ? Optional.of(baselineRun(stack, job, home)) : Optional.empty();
            LocalControlPlane.deleteTree(stormy);
            PrivateFiles.folder(stormy);
            System.out.println("storm:");
            SelfFaults selfFaults = new SelfFaults(faultPlan, script, STORM);
            Storm.Setting setting = new Storm.Setting(
                    stormy, stormy.resolve("happenings.jsonl"), faultPlan, script, selfFaults, copy, seed, seconds);
            Storm.StormOutcome outcome =
                    run(stack, stormy(job, setting, stormEnv(faultPlan, selfFaults, stormy)), setting);
            return StormJudge.judge(
                    Journal.readAll(StormJob.journal(stormy)),
                    outcome,
                    reference.map(folder -> compare(job, folder, stormy)),
                    new StormJudge.Expectations(compare ? steps : 0, seed, mode, job.order(), everySteps));
        } finally {
            LocalDeployment.down(cluster);
            Runtime.getRuntime().removeShutdownHook(cleanUp);
        }
    }

    private static void login(StormBucket place, LocalDeployment stack) {
        try (KubernetesClient client = stack.client()) {
            place.login(client);
        }
    }

    private SwavJob stormy(StormJob job, Storm.Setting setting, Map<String, String> variables) {
        int most = Math.max(max, ranks) + (setting.faultPlan().hasNewcomers() ? 1 : 0);
        return job.object(
                STORM,
                setting.folder(),
                elastic(most, spares),
                paced(variables),
                setting.images().map(StormImages::uri));
    }

    private static Storm.StormOutcome run(LocalDeployment stack, SwavJob job, Storm.Setting setting) {
        try (Storm storm = new Storm(stack, job, setting, StatusLine.standard())) {
            return storm.run();
        }
    }

    private List<Planned> script(StormScript.FaultPlan faultPlan) {
        if (faultPlan.count(Kind.NODE) > 0 && nodes < 2) {
            throw new LocalClusterException(
                    "--node-losses needs --nodes 2 or more, so that a trainer survives on another node");
        }
        if (faultPlan.count(Kind.DRIFT) > 0 && ranks < 2) {
            throw new LocalClusterException(
                    "--drift needs --ranks 2 or more, so that there are weights to compare with");
        }
        try {
            return StormScript.plan(faultPlan, steps, seed);
        } catch (IllegalArgumentException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
    }

    /** The variables of the storm's trainers that the baseline's do not have. */
    private Map<String, String> stormEnv(StormScript.FaultPlan faultPlan, SelfFaults selfFaults, Path folder) {
        Map<String, String> all = new LinkedHashMap<>(env);
        all.putAll(selfFaults.environment());
        if (faultPlan.needsLines()) {
            String options = all.getOrDefault(StormJob.JAVA_OPTIONS, StormJob.FAST_START);
            all.putAll(TrainerLines.environment(folder.resolve("hosts"), STORM, options));
        }
        return all;
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

    private StormJudge.BaselineRun compare(StormJob job, Path reference, Path stormy) {
        FinalWeights here = FinalWeights.of(job.store(STORM, stormy), steps);
        FinalWeights there = FinalWeights.of(job.store(BaselineFolder.JOB, reference), steps);
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
