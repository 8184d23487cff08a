package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.AsOnDevice;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // AsOnDevice works by being open
class HostSnapshotTest {
    /** Larger than a slice. */
    private static final int LONG = (9 << 20) / Float.BYTES;

    private static final CheckpointState STATE = new CheckpointState(1, 8, 31, "cfg", 2, "job", 1, "");

    @Test
    void everyCopyHoldsTheArraysValues() {
        saveTwiceAndRestore();
    }

    @Test
    void everyCopyHoldsTheArraysValuesOnADevice() {
        try (AsOnDevice device = AsOnDevice.begin()) {
            saveTwiceAndRestore();
        }
    }

    private static void saveTwiceAndRestore() {
        try (NDManager manager = TorchRuntime.root()) {
            NDArray weights = manager.arange(LONG).toType(DataType.FLOAT32, false);
            NDArray counters = manager.create(new long[] {3, 1L << 40});
            Map<String, NDArray> state = Map.of("weights", weights, "counters", counters);
            HostSnapshot snapshot = new HostSnapshot(state, Map.of("momentum", weights));
            assertThat(snapshot.bytes()).isEqualTo(2L * LONG * Float.BYTES + 2 * Long.BYTES);
            for (int factor : new int[] {1, 3}) {
                weights.muli(factor);
                snapshot.copy();
                Map<String, NDArray> restored = Map.of(
                        "weights", manager.zeros(new Shape(LONG)),
                        "counters", manager.zeros(new Shape(2), DataType.INT64));
                HostTensor.restore(HostSnapshot.of(state), restored, "a copy");
                assertThat(restored.get("counters")).isEqualTo(counters);
                assertThat(restored.get("weights")).isEqualTo(weights);
                ByteBuffer copy = Optional.ofNullable(
                                snapshot.checkpoint(STATE).optimizer().get("momentum"))
                        .orElseThrow()
                        .bytes();
                int by = factor;
                assertThat(IntStream.range(0, LONG).allMatch(i -> copy.getFloat(i * Float.BYTES) == by * i))
                        .isTrue();
            }
        }
    }
}
