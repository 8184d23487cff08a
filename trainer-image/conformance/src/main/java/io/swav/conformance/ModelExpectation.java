package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.model.Learner;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * The stored numbers of one model run, compared step by step. Quantities that a file does not hold are not compared.
 */
final class ModelExpectation {
    private static final double LOSS = 1e-5;
    private static final double STATE = 1e-4;
    private static final double OPTIMIZER = 3e-2;
    private static final double CODES = 1e-4;
    private static final double FIRST_EMBEDDINGS = 1e-4;
    private static final double EMBEDDINGS = 1e-3;
    /** This bias comes directly before a batch norm: its gradient is rounding noise, which LARC scales to full size. */
    private static final String NOISE = "projection_head.0.bias";

    private static final Set<String> UNDEFINED = Set.of(NOISE, "projection_head.1.running_mean");

    private final String name;
    private final NpzFile expected;
    /** Whether the file holds the halves of two ranks separately. */
    private final boolean perRank;

    private final BatchShare share;
    private final Consumer<GoldenCase> report;

    ModelExpectation(String name, NpzFile expected, boolean perRank, BatchShare share, Consumer<GoldenCase> report) {
        this.name = name;
        this.expected = expected;
        this.perRank = perRank;
        this.share = share;
        this.report = report;
    }

    void forward(int step, double loss, List<Learner.Output> outputs) {
        String at = "_step" + step;
        double tolerance = step == 0 ? FIRST_EMBEDDINGS : EMBEDDINGS;
        String title = name + " step" + step + " ";
        report.accept(GoldenCase.compared(title + "loss", ErrorMetrics.relative(loss(step), loss), LOSS, ""));
        crops(title + "embeddings", "embedding" + at, outputs, Learner.Output::embeddingsBD, tolerance);
        crops(title + "scores", "scores" + at, outputs, Learner.Output::scoresBK, tolerance);
        MaxError worst = new MaxError();
        int assigned = outputs.get(0).codesBK().size();
        for (int a = 0; a < assigned; a++) {
            int crop = a;
            String key = "codes" + at + "_assign" + a;
            float[] actual = gather(outputs, output -> List.of(output.codesBK().get(crop)));
            worst.add("crop " + a, ErrorMetrics.maxAbsolute(stored(key), actual));
        }
        report.accept(worst.against(title + "codes", CODES));
    }

    private double loss(int step) {
        return perRank
                ? (expected.doubles("r0/loss")[step] + expected.doubles("r1/loss")[step]) / 2
                : expected.doubles("loss")[step];
    }

    private void crops(
            String title,
            String key,
            List<Learner.Output> outputs,
            Function<Learner.Output, List<NDArray>> part,
            double tolerance) {
        report.accept(GoldenCase.compared(
                title, ErrorMetrics.maxAbsolute(stored(key), gather(outputs, part)), tolerance, ""));
    }

    /** Gathers the rows of all crops over the global batch, crop by crop, from all ranks. */
    private float[] gather(List<Learner.Output> outputs, Function<Learner.Output, List<NDArray>> part) {
        try (NDManager manager = TorchRuntime.root()) {
            List<NDArray> first = part.apply(outputs.get(0));
            long columns = first.get(0).getShape().get(1);
            NDArray all = manager.zeros(new Shape((long) first.size() * share.rows(), columns));
            for (Learner.Output output : outputs) {
                List<NDArray> crops = part.apply(output);
                for (int crop = 0; crop < crops.size(); crop++) {
                    long from = (long) crop * share.rows() + (long) output.group() * share.group();
                    TorchOps.copy(crops.get(crop), TorchOps.rows(manager, all, from, from + share.group()));
                }
            }
            share.world().allReduceSum(all);
            return all.toFloatArray();
        }
    }

    /** Returns the stored rows over the global batch; the halves of two ranks are interleaved crop by crop. */
    private double[] stored(String key) {
        if (!perRank) {
            return expected.doubles(key);
        }
        double[] first = expected.doubles("r0/" + key);
        double[] second = expected.doubles("r1/" + key);
        int columns = Math.toIntExact(expected.shape("r0/" + key).get(1));
        int half = share.rows() / 2 * columns;
        double[] all = new double[first.length + second.length];
        for (int from = 0; from < first.length; from += half) {
            System.arraycopy(first, from, all, 2 * from, half);
            System.arraycopy(second, from, all, 2 * from + half, half);
        }
        return all;
    }

    void gradients(Map<String, NDArray> gradients) {
        state("grad_step0/", "gradients step0", gradients, STATE);
    }

    /** Compares the few parameters that are stored after every step. */
    void parameters(int step, Map<String, NDArray> state) {
        state("param_step" + step + "/", "parameters step" + step, state, STATE);
    }

    void end(Map<String, NDArray> init, Map<String, NDArray> state, Map<String, NDArray> optimizer, double drift) {
        state("final/", "final state", state, STATE);
        state("momentum/", "momentum", optimizer, OPTIMIZER);
        NDArray before = init.get(NOISE);
        NDArray after = state.get(NOISE);
        if (before != null && after != null) {
            double[] from = new double[Math.toIntExact(before.size())];
            float[] values = before.toFloatArray();
            for (int i = 0; i < from.length; i++) {
                from[i] = values[i];
            }
            report.accept(GoldenCase.compared(
                    name + " drift of " + NOISE, ErrorMetrics.relativeL2(from, after.toFloatArray()), drift, ""));
        }
    }

    /**
     * Compares the queue, if the file holds it.
     *
     * @param rows as in {@link io.swav.model.FeatureQueue#rows}
     */
    void queue(NDArray rows) {
        String key = "queue_final";
        if (!expected.has(perRank ? "r0/" + key : key)) {
            return;
        }
        MaxError worst = new MaxError();
        List<String> files = perRank ? List.of("r0/" + key, "r1/" + key) : List.of(key);
        NDList parts = rows.split(files.size()); // by the groups of each of the reference's ranks
        for (int i = 0; i < files.size(); i++) {
            NDArray byStep = parts.get(i).transpose(1, 2, 0, 3, 4);
            worst.add(files.get(i), ErrorMetrics.maxAbsolute(expected.doubles(files.get(i)), byStep.toFloatArray()));
            byStep.close();
        }
        parts.close();
        report.accept(worst.against(name + " queue", EMBEDDINGS));
    }

    private void state(String prefix, String what, Map<String, NDArray> actual, double tolerance) {
        String r0 = perRank ? "r0/" + prefix : prefix;
        MaxError worst = new MaxError();
        boolean any = false;
        for (String key : expected.keys()) {
            String entry = key.startsWith(r0) ? key.substring(r0.length()) : "";
            NDArray values = actual.get(entry);
            // each of the reference's ranks continued from rank 0's statistics; ours are the mean over groups
            boolean ofRank0 = perRank && (entry.endsWith(".running_mean") || entry.endsWith(".running_var"));
            if (entry.isEmpty() || UNDEFINED.contains(entry) || ofRank0) {
                continue;
            }
            any = true;
            if (values == null) {
                worst.add(entry + ", which the model lacks,", Double.NaN);
                continue;
            }
            worst.add(entry, ErrorMetrics.relativeL2(expected.doubles(key), floats(values)));
        }
        if (any) {
            report.accept(worst.against(name + " " + what, tolerance));
        }
    }

    private static float[] floats(NDArray array) {
        return switch (array.getDataType()) {
            case INT64 -> {
                long[] values = array.toLongArray();
                float[] floats = new float[values.length];
                for (int i = 0; i < values.length; i++) {
                    floats[i] = values[i];
                }
                yield floats;
            }
            default -> array.toFloatArray();
        };
    }
}
