package io.swav.conformance;

import static io.swav.conformance.Fixture.field;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.swav.collective.Collective;
import io.swav.model.FeatureQueue;
import io.swav.model.QueueStep;
import io.swav.model.Sinkhorn;
import io.swav.model.SwappedPrediction;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Checks {@code loss_queue.npz}: codes, loss and its gradient. Without a queue the scores are given; with one, embeddings
 * and prototypes are, and the queue's rows at the end are compared, too.
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
                CaseRunner.run(
                        fixture.stem() + "/" + key + " w" + world.size(),
                        report,
                        name -> new LossCase(arrays, key, meta, world, name, report).run());
            }
        }
    }

    /** One case at one world size. */
    private static final class LossCase {
        private final NpzFile arrays;
        private final String key;
        private final String name;
        private final CaseReport report;
        private final int steps;
        private final int crops;
        private final int assigned;
        private final int queueLength;
        private final Sinkhorn sinkhorn;
        private final SwappedPrediction prediction;
        /** Each of the reference's ranks holds one share, so there is one group per rank. */
        private final BatchShare share;

        private final LossExpectation expected;
        /** The loss and the gradients of the global mean, times this, are those that are stored. */
        private final int scale;

        LossCase(NpzFile arrays, String key, JsonNode meta, Collective world, String name, CaseReport report) {
            this.arrays = arrays;
            this.key = key;
            this.name = name;
            this.report = report;
            Shape shape = arrays.shape(key + "/emb");
            this.steps = Math.toIntExact(shape.get(0));
            this.crops = Math.toIntExact(shape.get(1));
            int rows = Math.toIntExact(shape.get(2));
            this.assigned = field(meta, "crops_for_assign").size();
            this.queueLength = field(meta, "queue_length").asInt();
            this.sinkhorn = new Sinkhorn(
                    field(meta, "epsilon").asDouble(), field(meta, "iters").asInt());
            this.prediction = new SwappedPrediction(field(meta, "temperature").asDouble(), crops, assigned, rows);
            this.share = new BatchShare(world, rows, world.size());
            this.expected = new LossExpectation(arrays, key, share);
            this.scale = expected.isOfRank() ? world.size() : 1;
        }

        void run() {
            try (NDManager manager = TorchRuntime.root()) {
                NDArray prototypes = arrays.array(manager, key + "/prototypes");
                prototypes = prototypes.div(prototypes.norm(new int[] {1}, true));
                Optional<FeatureQueue> queue = queueLength == 0
                        ? Optional.empty()
                        : Optional.of(new FeatureQueue(
                                share.groups(),
                                assigned,
                                queueLength / share.rows(),
                                share.group(),
                                prototypes.getShape().get(1),
                                manager));
                for (int step = 0; step < steps; step++) {
                    try (NDManager scope = manager.newSubManager()) {
                        step(scope, step, prototypes, queue);
                    }
                }
                if (queue.isPresent()) {
                    report(
                            "queue",
                            off(
                                    "queue_final",
                                    queue.get().rows().get(share.run().from())),
                            0);
                }
            }
        }

        private void step(NDManager scope, int step, NDArray prototypes, Optional<FeatureQueue> queue) {
            List<NDArray> embeddings = own(scope, "emb", step);
            List<NDArray> scores = queue.isEmpty()
                    ? own(scope, "scores", step)
                    : embeddings.stream()
                            .map(crop -> TorchOps.linear(scope, Precision.FP32, crop, prototypes, Optional.empty()))
                            .toList();
            List<List<NDArray>> seen = List.of(new ArrayList<>(scores.subList(0, assigned)));
            List<NDArray> codes = queue.map(of -> codes(scope, new QueueStep(of, true), prototypes, embeddings, seen))
                    .orElseGet(() -> sinkhorn.codes(scope, seen, share.reduction()))
                    .get(0);
            List<NDArray> slopes =
                    scores.stream().map(crop -> scope.zeros(crop.getShape())).toList();
            double loss = prediction.group(scope, scores, codes, slopes).getFloat();
            if (!expected.isOfRank()) {
                NDArray sum = scope.create(new double[] {loss});
                share.world().allReduceSum(sum);
                loss = sum.getDouble(0);
            }
            slopes.forEach(slope -> slope.muli(scale));

            MaxError codesOff = new MaxError();
            for (int a = 0; a < assigned; a++) {
                codesOff.add("crop " + a, off("codes_step" + step + "_assign" + a, codes.get(a)));
            }
            String suffix = "step" + step + " ";
            NDArray slope = TorchOps.concat(scope, slopes, 0);
            report(suffix + "codes", codesOff.error(), CODES);
            report(suffix + "loss", ErrorMetrics.relative(expected.loss(step), loss * scale), LOSS);
            report(suffix + "dscores", off("dscores_step" + step, slope), GRADIENT);
            if (queue.isPresent()) {
                NDArray ofEmbeddings = TorchOps.matmul(scope, Precision.FP32, slope, prototypes);
                report(suffix + "demb", off("demb_step" + step, ofEmbeddings), GRADIENT);
            }
        }

        private List<List<NDArray>> codes(
                NDManager scope,
                QueueStep queue,
                NDArray prototypes,
                List<NDArray> embeddings,
                List<List<NDArray>> scores) {
            queue.gather(scope, share.world(), share.runs(), List.of(embeddings.subList(0, assigned)));
            List<List<NDArray>> codes =
                    queue.codes(scope, sinkhorn, prototypes, share.run().from(), scores, share.reduction());
            queue.apply();
            return codes;
        }

        /** Returns this rank's rows of every crop of (steps, crops, rows, columns). */
        private List<NDArray> own(NDManager scope, String array, int step) {
            NDArray all = arrays.array(scope, key + "/" + array);
            long columns = all.getShape().get(3);
            NDArray ofStep =
                    TorchOps.rows(scope, all, step, step + 1L).reshape(new Shape((long) crops * share.rows(), columns));
            List<NDArray> own = new ArrayList<>();
            for (int crop = 0; crop < crops; crop++) {
                long from = (long) crop * share.rows() + (long) share.run().from() * share.group();
                own.add(TorchOps.rows(scope, ofStep, from, from + share.group()));
            }
            return own;
        }

        private double off(String array, NDArray actual) {
            return ErrorMetrics.maxAbsolute(expected.rows(array), actual.toFloatArray());
        }

        /** Reports the largest error of all ranks. */
        private void report(String what, double error, double tolerance) {
            double worst = AcrossRanks.worst(share.world(), new double[] {error})[0];
            report.accept(GoldenCase.compared(name + " " + what, worst, tolerance, ""));
        }
    }
}
