package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchRuntime;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TreeSumTest {
    @BeforeAll
    static void libtorch() {
        TorchRuntime.start();
    }

    /** Small vectors take the one-hop path, large ones the chunked path. */
    @ParameterizedTest
    @CsvSource({"1,10", "2,10", "3,10", "5,10", "8,10", "8,200000", "7,1500001", "13,30000", "64,1000"})
    void sameBitsAtEveryWorldSize(int groups, int length) throws Exception {
        float[] expected = tree(groups, length, 0, level(groups));
        int[] sizes = length > 1_000_000 ? new int[] {1, 2, 3} : new int[] {1, 2, 3, 4, 5, 7};
        for (int size : Arrays.stream(sizes).filter(size -> size <= groups).toArray()) {
            List<float[]> sums = Ranked.run(size, (collective, manager) -> {
                GroupRange[] ranges = ranges(groups, size);
                GroupRange range = ranges[collective.rank()];
                TreeSum.Accumulator local = new TreeSum.Accumulator(groups, range);
                for (int group = range.from(); group < range.to(); group++) {
                    local.add(group, manager.create(values(length, group)));
                }
                return local.reduce(collective, ranges).toFloatArray();
            });
            for (int rank = 0; rank < size; rank++) {
                assertThat(Arrays.mismatch(sums.get(rank), expected))
                        .as("first difference at rank %d of %d", rank, size)
                        .isEqualTo(-1);
            }
        }
    }

    @Test
    void keepsFewArraysAlive() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TreeSum.Accumulator local = new TreeSum.Accumulator(64, new GroupRange(0, 64));
            for (int group = 0; group < 64; group++) {
                local.add(group, manager.create(values(4, group)));
                assertThat(manager.getManagedArrays()).hasSizeLessThanOrEqualTo(7);
            }
            NDArray sum = local.reduce(new SoloCollective(), new GroupRange[] {new GroupRange(0, 64)});
            assertThat(manager.getManagedArrays()).containsExactly(sum);
        }
    }

    @Test
    void refusesGroupsOutOfOrderAndIncompleteSums() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TreeSum.Accumulator local = new TreeSum.Accumulator(4, new GroupRange(0, 4));
            NDArray one = manager.create(new float[] {1});
            assertThatThrownBy(() -> local.add(1, one)).isInstanceOf(IllegalStateException.class);
            local.add(0, one);
            assertThatThrownBy(() -> local.reduce(new SoloCollective(), new GroupRange[] {new GroupRange(0, 4)}))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("summed up to 1");
        }
    }

    /** The definition, by recursion: node (level, index) is left + right, or left alone. */
    private static float[] tree(int groups, int length, int index, int level) {
        if (level == 0) {
            return values(length, index);
        }
        float[] left = tree(groups, length, 2 * index, level - 1);
        if ((2 * index + 1) << (level - 1) < groups) {
            float[] right = tree(groups, length, 2 * index + 1, level - 1);
            for (int i = 0; i < length; i++) {
                left[i] += right[i];
            }
        }
        return left;
    }

    private static int level(int groups) {
        return groups == 1 ? 0 : 32 - Integer.numberOfLeadingZeros(groups - 1);
    }

    private static GroupRange[] ranges(int groups, int size) {
        return IntStream.range(0, size)
                .mapToObj(rank -> GroupRange.of(groups, rank, size))
                .toArray(GroupRange[]::new);
    }

    private static float[] values(int length, int seed) {
        Random random = new Random(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
        }
        return values;
    }
}
