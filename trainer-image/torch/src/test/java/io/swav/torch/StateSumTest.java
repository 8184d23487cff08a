package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class StateSumTest {
    @Test
    void everyBitOfEveryArrayChangesTheSum() {
        TorchRuntime.start();
        try (NDManager manager = TorchRuntime.root()) {
            float[] values = new float[512];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) Math.sin(i);
            }
            List<NDArray> state =
                    List.of(manager.create(values), manager.create(values), manager.create(new long[] {3, 1L << 40}));
            double undisturbed = sum(manager, state);
            assertThat(undisturbed).isBetween(0.0, 0x1p52).isEqualTo(Math.rint(undisturbed));
            for (NDArray array : state) {
                for (int bit = 0; bit < 2 * Long.SIZE; bit++) {
                    flip(array, bit);
                    assertThat(sum(manager, state)).as("bit %s", bit).isNotEqualTo(undisturbed);
                    flip(array, bit);
                }
            }
            assertThat(sum(manager, state)).isEqualTo(undisturbed);
        }
    }

    @Test
    void equalArraysThatAreExchangedChangeTheSum() {
        TorchRuntime.start();
        try (NDManager manager = TorchRuntime.root()) {
            NDArray one = manager.create(new float[] {1, 2});
            NDArray two = manager.create(new float[] {3, 4});
            assertThat(sum(manager, List.of(one, two))).isNotEqualTo(sum(manager, List.of(two, one)));
        }
    }

    private static double sum(NDManager manager, List<NDArray> state) {
        try (NDArray both = StateSum.of(manager, state)) {
            double[] values = both.toDoubleArray();
            assertThat(values).hasSize(2);
            assertThat(values[1]).isEqualTo(-values[0]);
            return values[0];
        }
    }

    private static void flip(NDArray array, int bit) {
        HostView view = HostView.of(array);
        ByteBuffer bytes = view.bytes();
        bytes.put(bit / 8, (byte) (bytes.get(bit / 8) ^ 1 << bit % 8));
        view.store();
    }
}
