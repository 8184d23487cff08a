package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.model.Sinkhorn;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/**
 * Checks {@code sinkhorn.npz}: the codes of one crop. If the reference overflowed to NaN, its float64 run is the
 * standard; if that overflowed too, the codes must be finite and sum to 1.
 */
final class SinkhornSuite implements Suite {
    private static final double TOLERANCE = 2e-6;
    private static final double TOLERANCE_F64 = 2e-5;
    private static final double TOLERANCE_SUM = 1e-5;

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays()) {
            TreeSet<String> cases = new TreeSet<>();
            arrays.keys().forEach(key -> cases.add(key.substring(0, Math.max(0, key.indexOf('/')))));
            for (String key : cases) {
                CaseRunner.run(
                        fixture.stem() + "/" + key + " w" + world.size(),
                        report,
                        name -> one(arrays, key, world, name, report));
            }
        }
    }

    private static void one(NpzFile arrays, String key, Collective world, String name, CaseReport report) {
        try (NDManager manager = TorchRuntime.root()) {
            NDArray scores = arrays.array(manager, key + "/scores");
            int rows = Math.toIntExact(scores.getShape().get(0));
            Sinkhorn sinkhorn = new Sinkhorn(arrays.number(key + "/epsilon"), (int) arrays.number(key + "/iters"));
            double[] reference = arrays.doubles(key + "/codes_w" + world.size());
            double tolerance = TOLERANCE;
            if (anyNaN(reference)) {
                reference = arrays.doubles(key + "/codes_f64");
                tolerance = TOLERANCE_F64;
            }
            BatchShare share = BatchShare.of(world, rows);
            if (share.groups() < world.size()) {
                report.accept(GoldenCase.skipped(name, rows + " rows cannot be split over " + world.size() + " ranks"));
                return;
            }
            List<List<NDArray>> groups = new ArrayList<>();
            share.split(manager, scores).forEach(part -> groups.add(List.of(part)));
            List<NDArray> codes = new ArrayList<>();
            sinkhorn.codes(manager, groups, share.reduction()).forEach(group -> codes.add(group.get(0)));
            float[] actual = share.join(manager, codes);
            if (!anyNaN(reference)) {
                report.accept(GoldenCase.compared(
                        name,
                        ErrorMetrics.maxAbsolute(reference, actual),
                        tolerance,
                        tolerance > TOLERANCE ? "float64" : ""));
            }
            report.accept(GoldenCase.compared(name + " row sums", rowSums(actual, rows), TOLERANCE_SUM, ""));
        }
    }

    private static boolean anyNaN(double[] values) {
        return Arrays.stream(values).anyMatch(Double::isNaN);
    }

    /** The largest distance of a row's sum from 1. */
    private static double rowSums(float[] codes, int rows) {
        int columns = codes.length / rows;
        MaxError worst = new MaxError();
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            for (int column = 0; column < columns; column++) {
                sum += codes[row * columns + column];
            }
            worst.add("row " + row, Math.abs(sum - 1));
        }
        return worst.error();
    }
}
