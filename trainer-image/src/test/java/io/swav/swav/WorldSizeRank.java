package io.swav.swav;

import ai.djl.ndarray.NDManager;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.Checkpoints;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Snapshot;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.golden.RankProcess;
import io.swav.tensor.Precision;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/** One rank of {@link WorldSizeTest}: trains on made-up crops and says the digest of its state. */
final class WorldSizeRank {
    private static final int GROUPS = 8;

    private WorldSizeRank() {}

    /** Arguments: rank, size, steps, Bitwise or Fast (with bf16 or without), samples a group, samples that share batch statistics, learning rate, file for rank 0's weights; then, for a part of a run, its first step (the part from 0 saves its end, others go on from there) and the folder of checkpoints. */
    public static void main(String[] args) throws IOException, CheckpointException {
        int size = Integer.parseInt(args[1]);
        int steps = Integer.parseInt(args[2]);
        boolean bitwise = args[3].startsWith("Bitwise");
        int group = Integer.parseInt(args[4]);
        double learningRate = Double.parseDouble(args[6]);
        Torch.start();
        Torch.setThreads(1);
        Settings settings = new Settings(
                GROUPS * group,
                group,
                Integer.parseInt(args[5]),
                List.of(new Settings.Crops(2, 12), new Settings.Crops(1, 8)),
                new Sinkhorn(0.05, 3),
                0.1,
                new Larc(0.9, 1e-6, 1e-3, false),
                2,
                bitwise,
                8 << 10, // several buckets
                args[3].endsWith("bf16") ? Precision.BF16 : Precision.FP32);
        Run[] runs = new Run[size];
        for (int rank = 0; rank < size; rank++) {
            runs[rank] = Run.of(GROUPS, rank, size);
        }
        try (Collective world = RankProcess.join(Integer.parseInt(args[0]), size);
                NDManager manager = NDManager.newBaseManager();
                Learner learner = new Learner(settings, Architecture.of("tiny", "small", 32, 16, 24), manager)) {
            learner.model().initialize(31);
            int first = args.length > 8 ? Integer.parseInt(args[8]) : 0;
            if (first > 0) {
                resume(learner, store(args[9]), first);
            }
            for (int step = first; step < steps; step++) {
                int now = step;
                learner.lossAndGradients(
                        (scope, g) -> NoiseCrops.of(scope, settings.crops(), settings.group(), now * GROUPS + g),
                        runs,
                        world,
                        step,
                        1);
                double loss = learner.averageGradients().loss();
                learner.apply(learningRate);
                if (step == steps - 1) {
                    RankProcess.say("loss " + loss);
                }
            }
            if (args.length > 8 && first == 0 && world.rank() == 0) {
                CheckpointState now = new CheckpointState(steps, 0, 31, "cfg", size, "", 1, "");
                store(args[9]).save(new Snapshot(learner.model().state(), learner.optimizer()).copied(now));
            }
            RankProcess.say("digest " + HexFormat.of().formatHex(learner.digest()));
            if (world.rank() == 0) {
                float[] weights = learner.model().weights.toFloatArray();
                ByteBuffer bytes = ByteBuffer.allocate(weights.length * Float.BYTES);
                bytes.asFloatBuffer().put(weights);
                Files.write(Path.of(args[7]), bytes.array());
            }
        }
    }

    private static Checkpoints store(String folder) {
        return new Checkpoints(FolderStore.open(Path.of(folder)), new Checkpoints.Owner("", "cfg"), 3);
    }

    private static void resume(Learner learner, Checkpoints store, int step) throws CheckpointException {
        Checkpoint checkpoint = store.newest(false).checkpoint().orElseThrow();
        if (checkpoint.state().step() != step) {
            throw new IllegalStateException(
                    "the newest checkpoint is of step " + checkpoint.state().step());
        }
        HostTensor.restore(checkpoint.model(), learner.model().state(), "checkpoint");
        HostTensor.restore(checkpoint.optimizer(), learner.optimizer(), "checkpoint");
    }
}
