package io.swav.conformance;

import static io.swav.conformance.Fixture.field;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.model.Sinkhorn;
import io.swav.model.SwappedPrediction;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks {@code loss_queue.npz}: codes, loss and its gradient from given scores, at the world sizes that the file
 * holds.
 */
final class LossSuite implements Suite {
    private static final double LOSS = 2e-6;
    private static final double GRADIENT = 1e-6;
    private static final double CODES = 3e-6;

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays()) {
            for (JsonNode meta : fixture.json(fixture.stem() + ".json")) {
                String key = field(meta, "case").asText();
                String name = fixture.stem() + "/" + key + " w" + world.size();
                if (field(meta, "queue_length").asInt() > 0) {
                    report.accept(GoldenCase.skipped(name, "mode Queue does not exist yet"));
                } else if (world.size() == 1 || arrays.has(key + "/w" + world.size() + "/r0/loss")) {
                    CaseRunner.run(name, report, n -> one(arrays, key, meta, world, n, report));
                }
            }
        }
    }

    private static void one(
            NpzFile arrays, String key, JsonNode meta, Collective world, String name, CaseReport report) {
        Shape shape = arrays.shape(key + "/scores");
        int rows = Math.toIntExact(shape.get(2));
        int crops = Math.toIntExact(shape.get(1));
        long prototypes = shape.get(3);
        int assigned = field(meta, "crops_for_assign").size();
        Sinkhorn sinkhorn = new Sinkhorn(
                field(meta, "epsilon").asDouble(), field(meta, "iters").asInt());
        SwappedPrediction prediction =
                new SwappedPrediction(field(meta, "temperature").asDouble(), crops, assigned, rows);
        // each of the reference's ranks holds one share, so there is one group per rank
        BatchShare share = new BatchShare(world, rows, world.size());
        GroupRange run = share.run();
        String rank = key + "/w" + world.size() + "/r" + world.rank() + "/";
        for (int step = 0; step < shape.get(0); step++) {
            try (NDManager manager = TorchRuntime.root()) {
                NDArray all = arrays.array(manager, key + "/scores");
                NDArray ofStep = TorchOps.rows(manager, all, step, step + 1L)
                        .reshape(new Shape((long) crops * rows, prototypes));
                List<NDArray> scores = new ArrayList<>();
                List<NDArray> slopes = new ArrayList<>();
                for (int crop = 0; crop < crops; crop++) {
                    long from = (long) crop * rows + (long) run.from() * share.group();
                    scores.add(TorchOps.rows(manager, ofStep, from, from + share.group()));
                    slopes.add(manager.zeros(new Shape(share.group(), prototypes)));
                }
                List<NDArray> codes = sinkhorn.codes(
                                manager, List.of(new ArrayList<>(scores.subList(0, assigned))), share.reduction())
                        .get(0);
                float loss = prediction.group(manager, scores, codes, slopes).getFloat() * world.size();
                MaxError codesOff = new MaxError();
                for (int a = 0; a < assigned; a++) {
                    codesOff.add(
                            "crop " + a,
                            ErrorMetrics.maxAbsolute(
                                    arrays.doubles(rank + "codes_step" + step + "_assign" + a),
                                    codes.get(a).toFloatArray()));
                }
                slopes.forEach(slope -> slope.muli(world.size()));
                double[] slopesExpected = arrays.doubles(rank + "dscores_step" + step);
                float[] slopesActual = TorchOps.concat(manager, slopes, 0).toFloatArray();
                String suffix = " step" + step;
                double[] errors = AcrossRanks.worst(world, new double[] {
                    codesOff.error(),
                    ErrorMetrics.relative(arrays.doubles(rank + "loss")[step], loss),
                    ErrorMetrics.maxAbsolute(slopesExpected, slopesActual)
                });
                report.accept(GoldenCase.compared(name + suffix + " codes", errors[0], CODES, ""));
                report.accept(GoldenCase.compared(name + suffix + " loss", errors[1], LOSS, ""));
                report.accept(GoldenCase.compared(name + suffix + " dscores", errors[2], GRADIENT, ""));
            }
        }
    }
}
