package io.swav.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.SwavJobSpec;
import io.swav.chaos.DrawnImages;
import io.swav.data.TrainTestSplit;
import io.swav.data.WorkProgress;
import io.swav.evaluation.EvalException;
import io.swav.evaluation.Evaluation;
import io.swav.evaluation.KnnClassifier;
import io.swav.local.JobMonitor;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import io.swav.local.PrivateFiles;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code swav quickstart} runs one SwavJob, end to end, on this machine. */
@Command(
        name = "quickstart",
        description = {
            "Starts a local cluster and trains a small network there with two pods; meanwhile it adds a third pod and"
                    + " evicts one. Shows what the network learned: kNN top-1 accuracy before and after training, and"
                    + " the path of the weights."
        },
        mixinStandardHelpOptions = true)
final class QuickstartCommand implements Callable<Integer> {
    /** The figures that {@code --json} writes; kNN in percent, {@code weights} is a path. */
    record Result(
            double knnBefore,
            double knnAfter,
            long steps,
            double lossFirst,
            double lossLast,
            double imagesPerSecond,
            double setupSeconds,
            double trainSeconds,
            int world,
            String weights) {}

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Labelled images: folders train and test, or shards with these words in their names"
                    + " (default: generated synthetic images).")
    private @Nullable Path data;

    @Option(
            names = "--job",
            paramLabel = "FILE",
            description = "Manifest of the job (default: examples/quickstart.yaml).")
    private @Nullable Path manifest;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to this file.")
    private @Nullable Path json;

    @Option(names = "--keep", description = "Keep the cluster running; stop it with swav down --dir.")
    private boolean keep;

    @Override
    public Integer call() throws IOException {
        Path home = LocalDeployment.defaultDir("quickstart");
        QuickstartLock lock = QuickstartLock.take(home);
        try {
            return run(home);
        } finally {
            lock.close();
        }
    }

    private int run(Path home) throws IOException {
        long start = System.nanoTime();
        Path cluster = home.resolve("cluster");
        Path jobFile = manifest == null ? projectFile("examples/quickstart.yaml") : manifest;
        Path images =
                data == null ? DrawnImages.in(home) : data.toAbsolutePath().normalize();
        TrainTestSplit split = TrainTestSplit.of(images);
        if (split.test().isEmpty()) {
            throw new LocalClusterException(
                    images + " has no test images, which are needed to evaluate the result: provide"
                            + " folders train and test, or shards with train and test in their names");
        }
        Thread cleanUp = new Thread(() -> LocalDeployment.down(cluster), "clean-up");
        Runtime.getRuntime().addShutdownHook(cleanUp);
        LocalDeployment.down(cluster); // left by an earlier run, perhaps of an older build
        Path output = PrivateFiles.folder(home).resolve("checkpoints");
        LocalControlPlane.deleteTree(output);
        QuickstartJob job =
                QuickstartJob.of(jobFile, split.train(), split.test().get(), images, output);

        System.err.println("kNN of the untrained network ...");
        double before = knn(job.spec(), Optional.empty(), split.test().get());
        System.out.printf(Locale.ROOT, "kNN top-1, untrained network: %.1f %%%n", before);

        LocalDeployment stack = LocalDeployment.up(cluster, 1, Map.of(), System.err::println);
        double setupSeconds = (System.nanoTime() - start) / 1e9;
        JobMonitor.JobOutcome outcome;
        StatusLine line = StatusLine.standard();
        try (KubernetesClient client = stack.client();
                JobMonitor run = new JobMonitor(stack, job.object(), line)) {
            outcome =
                    run.await(new QuickstartDisturbance(client, line, job.spec().maxReplicas()));
        }
        Path weights = output.resolve("export").resolve("backbone.safetensors");
        double after = knn(job.spec(), Optional.of(weights), split.test().get());
        Result result = new Result(
                before,
                after,
                outcome.steps(),
                outcome.lossFirst(),
                outcome.lossLast(),
                outcome.imagesPerSecond(),
                setupSeconds,
                outcome.seconds(),
                outcome.world(),
                weights.toString());
        print(result);
        if (json != null) {
            JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), result);
        }
        if (keep) {
            Runtime.getRuntime().removeShutdownHook(cleanUp);
            System.out.println("The cluster is still running: export KUBECONFIG=" + stack.kubeconfig()
                    + " and kubectl get" + " swavjobs,pods; ./swav down --dir " + cluster + " stops it.");
        }
        return 0;
    }

    /** The kNN top-1 accuracy in percent; without {@code weights}, that of the network before training. */
    private static double knn(SwavJobSpec spec, Optional<Path> weights, String test) {
        try {
            return Evaluation.top1(
                    spec,
                    weights,
                    spec.data().uri(),
                    test,
                    Optional.empty(),
                    KnnClassifier.DEFAULT,
                    WorkProgress.Follower.NONE);
        } catch (EvalException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
    }

    private static void print(Result result) {
        System.out.printf(
                Locale.ROOT,
                """
                trained %d steps in %.0f s with up to %d pods (%.0f img/s), loss %.3f -> %.3f
                kNN top-1, untrained network: %.1f %%
                kNN top-1, trained network:   %.1f %%
                weights: %s (safetensors, torchvision's names)
                """,
                result.steps(),
                result.trainSeconds(),
                result.world(),
                result.imagesPerSecond(),
                result.lossFirst(),
                result.lossLast(),
                result.knnBefore(),
                result.knnAfter(),
                result.weights());
    }

    private static Path projectFile(String name) {
        Path file = Path.of(System.getProperty("swav.home", "")).resolve(name);
        if (!Files.exists(file)) {
            throw new LocalClusterException(file.toAbsolutePath() + " is missing; name a manifest with --job");
        }
        return file;
    }
}
