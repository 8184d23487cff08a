package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.torch.TorchRuntime;

/** Combines the errors that each rank measured on its own share. */
final class AcrossRanks {
    private AcrossRanks() {}

    /** The maximum over all ranks of every entry; NaN counts as infinite. */
    static double[] worst(Collective world, double[] errors) {
        try (NDManager manager = TorchRuntime.root()) {
            double[] negated = new double[errors.length];
            for (int i = 0; i < errors.length; i++) {
                negated[i] = Double.isNaN(errors[i]) ? Double.NEGATIVE_INFINITY : -errors[i];
            }
            NDArray array = manager.create(negated);
            world.allReduceMin(array);
            double[] worst = array.toDoubleArray();
            for (int i = 0; i < worst.length; i++) {
                worst[i] = -worst[i];
            }
            return worst;
        }
    }
}
