package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SamplerTest {
    private static final int[] PERMUTATION = {2, 8, 7, 4, 0, 3, 6, 9, 1, 5};

    @Test
    void usesNoSampleTwiceInAnEpochForAnySmallDataSet() {
        for (int samples = 1; samples <= 40; samples++) {
            for (int batch = 1; batch <= samples; batch++) {
                Sampler sampler = new Sampler(samples, batch, 7);
                for (long epoch = 0; epoch < 3; epoch++) {
                    Set<Integer> seen = new HashSet<>();
                    for (long s = 0; s < sampler.stepsPerEpoch(); s++) {
                        long step = epoch * sampler.stepsPerEpoch() + s;
                        assertThat(sampler.epochOf(step)).isEqualTo(epoch);
                        for (int i = 0; i < batch; i++) {
                            int sample = (int) sampler.sampleAt(epoch, sampler.firstPosition(step) + i);
                            assertThat(sample).isBetween(0, samples - 1);
                            assertThat(seen.add(sample)).isTrue();
                        }
                    }
                    assertThat(seen).hasSize(samples / batch * batch);
                }
            }
        }
    }

    @Test
    void orderDependsOnSeedAndEpochAlone() {
        assertThat(Sampler.permutation(1, 2, 500)).isEqualTo(Sampler.permutation(1, 2, 500));
        assertThat(Sampler.permutation(1, 2, 500)).isNotEqualTo(Sampler.permutation(1, 3, 500));
        assertThat(Sampler.permutation(1, 2, 500)).isNotEqualTo(Sampler.permutation(2, 2, 500));
        assertThat(Sampler.permutation(1, 2, 500)).isNotEqualTo(Sampler.permutation(2, 1, 500));
    }

    @Test
    void placesSamplesUniformly() {
        int[] first = new int[10];
        for (int epoch = 0; epoch < 10_000; epoch++) {
            first[Sampler.permutation(3, epoch, 10)[0]]++;
        }
        assertThat(Arrays.stream(first)).allMatch(count -> count > 850 && count < 1150);
    }

    @Test
    void refusesFewerSamplesThanOneBatchAndNamesTheField() {
        assertThatThrownBy(() -> new Sampler(50, 256, 1))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining("50 samples")
                .hasMessageContaining("training.globalBatch (256)");
    }

    /** A job that was begun with an earlier version goes on with the same order. */
    @Test
    void keepsItsBits() {
        assertThat(Sampler.permutation(31, 4, 10)).containsExactly(PERMUTATION);
        Sampler sampler = new Sampler(10, 3, 31);
        for (int i = 0; i < 10; i++) {
            assertThat(sampler.sampleAt(4, i)).isEqualTo(PERMUTATION[i]);
        }
    }

    @Test
    void aPermutationWithoutMemoryHasEveryNumberOnce() {
        for (long size : new long[] {1, 2, 3, 4, 5, 31, 64, 65, 1000, 4097}) {
            for (long epoch = 0; epoch < 3; epoch++) {
                FeistelPermutation order = new FeistelPermutation(7, epoch, size);
                boolean[] seen = new boolean[(int) size];
                for (long position = 0; position < size; position++) {
                    int at = (int) order.at(position);
                    assertThat(seen[at]).as("size %d, epoch %d", size, epoch).isFalse();
                    seen[at] = true;
                }
            }
        }
        FeistelPermutation first = new FeistelPermutation(7, 0, 1L << 40);
        FeistelPermutation second = new FeistelPermutation(7, 1, 1L << 40);
        double near = 0;
        for (long position = 0; position < 1000; position++) {
            assertThat(first.at(position)).isNotEqualTo(second.at(position)).isBetween(0L, (1L << 40) - 1);
            near += first.at(position) < 1L << 39 ? 1 : 0;
        }
        assertThat(near).as("half of them in the lower half").isBetween(400.0, 600.0);
    }
}
