package io.swav.conformance;

import ai.djl.ndarray.NDManager;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.HostTensor;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.model.Architecture;
import io.swav.model.Larc;
import io.swav.model.Learner;
import io.swav.model.QueueSettings;
import io.swav.model.RandomCrops;
import io.swav.model.Sinkhorn;
import io.swav.model.StepSettings;
import io.swav.multiprocess.RankProcess;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** One rank of {@link WorldSizeTest}: trains on synthetic crops. */
final class WorldSizeRank {
    private static final int GROUPS = 8;

    private WorldSizeRank() {}

    /**
     * The training to run.
     *
     * @param mode Bitwise or Fast, with -bf16 or without
     * @param group samples of a group
     * @param normGroup samples that share batch statistics
     * @param queue which earlier features Sinkhorn sees
     */
    record Training(int steps, String mode, int group, int normGroup, double learningRate, QueueSettings queue) {
        StepSettings settings() {
            return new StepSettings(
                    GROUPS * group,
                    group,
                    normGroup,
                    List.of(new StepSettings.Crops(2, 12), new StepSettings.Crops(1, 8)),
                    new Sinkhorn(0.05, 3),
                    0.1,
                    new Larc(0.9, 1e-6, 1e-3, false),
                    2,
                    mode.startsWith("Bitwise"),
                    8 << 10, // several buckets
                    mode.endsWith("bf16") ? Precision.BF16 : Precision.FP32,
                    Precision.FP32,
                    queue);
        }
    }

    /** A part of a run: the part that starts at step 0 saves its end to the folder, other parts resume from there. */
    record Part(int first, Path checkpoints) {}

    /** @param weights at the end */
    record Result(double loss, String digest, FloatBuffer weights) {}

    static Result train(Training training, Collective world, int size, Optional<Part> part)
            throws IOException, CheckpointException {
        TorchRuntime.setThreads(1);
        StepSettings settings = training.settings();
        GroupRange[] runs = new GroupRange[size];
        for (int rank = 0; rank < size; rank++) {
            runs[rank] = GroupRange.of(GROUPS, rank, size);
        }
        try (NDManager manager = NDManager.newBaseManager();
                Learner learner = new Learner(
                        settings,
                        Architecture.of("tiny", "small", 32, 16, 24),
                        step -> training.learningRate(),
                        manager)) {
            learner.network().initialize(31);
            int first = part.map(Part::first).orElse(0);
            if (first > 0) {
                resume(learner, part.orElseThrow());
            }
            double loss = 0;
            for (int step = first; step < training.steps(); step++) {
                int now = step;
                learner.lossAndGradients(
                        (scope, g) -> RandomCrops.of(scope, settings.crops(), settings.group(), now * GROUPS + g),
                        runs,
                        world,
                        step,
                        1);
                loss = learner.averageGradients().loss();
                learner.apply();
            }
            if (part.isPresent() && first == 0 && world.rank() == 0) {
                CheckpointState now = new CheckpointState(training.steps(), 0, 31, "cfg", size, "", 1, "");
                store(part.get()).save(new HostSnapshot(learner.model(), learner.optimizer()).copied(now));
            }
            return new Result(
                    loss,
                    HexFormat.of().formatHex(learner.digest()),
                    FloatBuffer.wrap(learner.state().get(0).toFloatArray()));
        }
    }

    private static CheckpointCatalog store(Part part) {
        return new CheckpointCatalog(FolderStore.open(part.checkpoints()), new CheckpointCatalog.Owner("", "cfg"), 3);
    }

    private static void resume(Learner learner, Part part) throws CheckpointException {
        Checkpoint checkpoint = store(part).newest(false).orElseThrow();
        if (checkpoint.state().step() != part.first()) {
            throw new IllegalStateException(
                    "the newest checkpoint is of step " + checkpoint.state().step());
        }
        HostTensor.restore(checkpoint.model(), learner.model(), "checkpoint");
        HostTensor.restore(checkpoint.optimizer(), learner.optimizer(), "checkpoint");
    }

    /** Runs as a process. Arguments: rank, size, steps; prints loss and digest. */
    public static void main(String[] args) throws IOException, CheckpointException {
        TorchRuntime.start();
        int size = Integer.parseInt(args[1]);
        Training training = new Training(Integer.parseInt(args[2]), "Bitwise", 4, 4, 0.5, QueueSettings.NONE);
        try (Collective world = RankProcess.join(Integer.parseInt(args[0]), size)) {
            Result result = train(training, world, size, Optional.empty());
            RankProcess.say(result.loss() + " " + result.digest());
        }
    }
}
