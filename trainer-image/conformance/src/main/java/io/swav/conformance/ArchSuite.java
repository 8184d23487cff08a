package io.swav.conformance;

import static io.swav.conformance.Fixture.field;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.swav.collective.Collective;
import io.swav.model.Architecture;
import io.swav.model.Model;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Checks {@code arch_forward.npz}: full-size networks whose weights and inputs come from a formula. */
final class ArchSuite implements Suite {
    private static final double EVAL = 5e-6;
    private static final double TRAIN = 2e-4;
    private static final double DIGEST = 1e-4;
    private static final String PROTOTYPES = "prototypes.weight";

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays()) {
            for (JsonNode meta : fixture.json(fixture.stem() + ".json")) {
                String key = field(meta, "name").asText();
                CaseRunner.run(fixture.stem() + "/" + key, report, name -> one(arrays, key, meta, name, report));
            }
        }
    }

    private static void one(NpzFile arrays, String key, JsonNode meta, String name, CaseReport report) {
        try (NDManager manager = TorchRuntime.root()) {
            FixtureFormula formula = new FixtureFormula(field(meta, "seed").asLong());
            Map<String, NDArray> state = state(manager, meta, formula);
            Map<String, Shape> shapes = new LinkedHashMap<>();
            state.forEach((entry, array) -> shapes.put(entry, array.getShape()));
            NDManager root = manager.newSubManager();
            Model model = new Model(Architecture.ofShapes(shapes), root);
            model.load(state);
            List<NDArray> resolutions = inputs(manager, meta, formula);
            NDArray prototypes = Optional.ofNullable(state.get(PROTOTYPES))
                    .orElseThrow(() -> new GoldenException("the json does not list " + PROTOTYPES));

            List<NDArray> each = new ArrayList<>();
            resolutions.forEach(images -> each.add(model.embed(manager, images)));
            compare(arrays, key, "eval", TorchOps.concat(manager, each, 0), prototypes, EVAL, name, report);
            NDArray first = TorchOps.rows(
                    manager, resolutions.get(0), 0, field(meta, "B").asLong());
            // relative, because unlike embeddings these are not of norm 1
            report.accept(GoldenCase.compared(
                    name + " eval_backbone_pooled_crop0",
                    ErrorMetrics.relativeL2(
                            arrays.doubles(key + "/eval_backbone_pooled_crop0"),
                            model.features(manager, first).toFloatArray()),
                    EVAL,
                    "relative"));
            NDArray training = model.embedTraining(manager, resolutions);
            compare(arrays, key, "train", training, prototypes, TRAIN, name, report);
            buffers(arrays, key, model.state(), name, report);
        }
    }

    private static void compare(
            NpzFile arrays,
            String key,
            String mode,
            NDArray embedding,
            NDArray prototypes,
            double tolerance,
            String name,
            CaseReport report) {
        NDArray scores =
                TorchOps.linear(embedding.getManager(), Precision.FP32, embedding, prototypes, Optional.empty());
        Map.of("embedding", embedding, "scores", scores).forEach((what, actual) -> {
            String entry = mode + "_" + what;
            double error = ErrorMetrics.maxAbsolute(arrays.doubles(key + "/" + entry), actual.toFloatArray());
            report.accept(GoldenCase.compared(name + " " + entry, error, tolerance, ""));
        });
    }

    /**
     * Compares the running statistics after one training forward pass, and the digests (sum, sum of squares) of all of
     * them.
     */
    private static void buffers(
            NpzFile arrays, String key, Map<String, NDArray> state, String name, CaseReport report) {
        MaxError whole = new MaxError();
        MaxError digests = new MaxError();
        state.forEach((entry, array) -> {
            if (array.getDataType() != DataType.FLOAT32) {
                return;
            }
            float[] actual = array.toFloatArray();
            if (arrays.has(key + "/bn/" + entry)) {
                whole.add(entry, ErrorMetrics.relativeL2(arrays.doubles(key + "/bn/" + entry), actual));
            }
            if (arrays.has(key + "/bn_digest/" + entry)) {
                double[] expected = arrays.doubles(key + "/bn_digest/" + entry);
                double sum = 0;
                double squares = 0;
                double size = 0;
                for (float value : actual) {
                    sum += value;
                    size += Math.abs(value);
                    squares += (double) value * value;
                }
                // values may cancel in a sum, so its error is relative to their sizes
                digests.add(entry, Math.abs(sum - expected[0]) / size);
                digests.add(entry, ErrorMetrics.relative(expected[1], squares));
            }
        });
        report.accept(whole.against(name + " running statistics", DIGEST));
        report.accept(digests.against(name + " digests of running statistics", DIGEST));
    }

    private static Map<String, NDArray> state(NDManager manager, JsonNode meta, FixtureFormula formula) {
        Map<String, NDArray> state = new LinkedHashMap<>();
        int position = 0;
        for (JsonNode entry : field(meta, "state_dict")) {
            List<Long> sides = new ArrayList<>();
            entry.get(1).forEach(side -> sides.add(side.asLong()));
            Shape shape = new Shape(sides);
            String name = entry.get(0).asText();
            float[] values = formula.weight(name, shape, position++);
            NDArray array = manager.create(values, shape);
            state.put(name, name.endsWith(".num_batches_tracked") ? array.toType(DataType.INT64, false) : array);
        }
        return state;
    }

    private static List<NDArray> inputs(NDManager manager, JsonNode meta, FixtureFormula formula) {
        List<NDArray> resolutions = new ArrayList<>();
        long batch = field(meta, "B").asLong();
        int crop = 0;
        for (int r = 0; r < field(meta, "sizes").size(); r++) {
            long side = field(meta, "sizes").get(r).asLong();
            List<NDArray> crops = new ArrayList<>();
            for (int i = 0; i < field(meta, "n").get(r).asInt(); i++) {
                Shape shape = new Shape(batch, 3, side, side);
                crops.add(manager.create(formula.input(shape, crop++), shape));
            }
            resolutions.add(TorchOps.concat(manager, crops, 0));
        }
        return resolutions;
    }
}
