package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SamplerTest {
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
                            int sample = sampler.sampleAt(epoch, sampler.firstPosition(step) + (long) i);
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
}
