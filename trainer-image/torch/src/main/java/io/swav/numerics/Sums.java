package io.swav.numerics;

import io.swav.torch.Precision;

/** Sums of products in double precision: the expected output of a kernel. */
final class Sums {
    /**
     * The largest allowed error, relative to the sizes of a sum's terms. A sum of n terms that are each rounded by u is
     * off by about u/√n of their sizes and never by more than a few u; u is 2⁻²⁴ for float32 and 2⁻⁸ for bfloat16, to
     * which operands and result are rounded.
     */
    private static final double FP32 = 1e-6;

    private static final double BF16 = 3.5 * 0x1p-8;

    private final double[] sums;
    private final double[] sizes;

    Sums(int count) {
        this.sums = new double[count];
        this.sizes = new double[count];
    }

    void add(int index, double product) {
        sums[index] += product;
        sizes[index] += Math.abs(product);
    }

    Deviation compare(String kernel, float[] actual, Precision precision) {
        double worst = 0;
        for (int i = 0; i < sums.length; i++) {
            double error = Math.abs(actual[i] - sums[i]) / Math.max(sizes[i], Float.MIN_NORMAL);
            worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(worst, error);
        }
        return new Deviation(kernel, worst, precision == Precision.FP32 ? FP32 : BF16, Deviation.bits(actual));
    }
}
