package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.golden.RankProcess;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

/** One rank of {@link WorldSizeTest}: trains on made-up crops and says the digest of its state. */
final class WorldSizeRank {
    private static final int GROUPS = 8;

    private WorldSizeRank() {}

    /** Arguments: rank, size, steps, Bitwise or Fast, samples a group, samples that share batch statistics, learning rate, file for rank 0's weights. */
    public static void main(String[] args) throws IOException {
        int size = Integer.parseInt(args[1]);
        int steps = Integer.parseInt(args[2]);
        boolean bitwise = args[3].equals("Bitwise");
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
                bitwise);
        Run[] runs = new Run[size];
        for (int rank = 0; rank < size; rank++) {
            runs[rank] = Run.of(GROUPS, rank, size);
        }
        try (Collective world = RankProcess.join(Integer.parseInt(args[0]), size);
                NDManager manager = NDManager.newBaseManager();
                Learner learner = new Learner(settings, Architecture.of("tiny", "small", 32, 16, 24), manager)) {
            learner.model().initialize(31);
            for (int step = 0; step < steps; step++) {
                int now = step;
                learner.lossAndGradients((scope, g) -> crops(scope, settings, now * GROUPS + g), runs, world, step, 1);
                double loss = learner.averageGradients(world).loss();
                learner.apply(learningRate);
                if (step == steps - 1) {
                    RankProcess.say("loss " + loss);
                }
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

    private static List<NDArray> crops(NDManager scope, Settings settings, long key) {
        SplittableRandom random = new SplittableRandom(key);
        int group = settings.group();
        List<NDArray> arrays = new ArrayList<>();
        for (Settings.Crops crops : settings.crops()) {
            float[] values = new float[crops.count() * group * 3 * crops.side() * crops.side()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (random.nextDouble() * 4 - 2);
            }
            arrays.add(scope.create(values, new Shape((long) crops.count() * group, 3, crops.side(), crops.side())));
        }
        return arrays;
    }
}
