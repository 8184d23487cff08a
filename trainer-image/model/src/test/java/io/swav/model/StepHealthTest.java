package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class StepHealthTest {
    private static final double TEMPERATURE = .1;

    private static StepHealth health(NDManager root, NDArray embeddingsBD, NDArray scoresBK) {
        long prototypes = scoresBK.getShape().get(1);
        long features = embeddingsBD.getShape().get(1);
        NDArray sums = root.zeros(new Shape(StepHealth.size(prototypes, features)));
        HealthSums.write(List.of(embeddingsBD), List.of(scoresBK), TEMPERATURE, sums);
        return StepHealth.of(
                TorchOps.read(List.of(sums)),
                prototypes,
                features,
                scoresBK.getShape().get(0),
                1,
                OptionalDouble.empty());
    }

    @Test
    void equalImagesHaveNoSpreadAndNoInformation() {
        try (NDManager root = TorchRuntime.root()) {
            NDArray same = root.create(new float[] {.6f, .8f, .6f, .8f, .6f, .8f}, new Shape(3, 2));
            NDArray scores = root.create(new float[] {.1f, .9f, .1f, .9f, .1f, .9f}, new Shape(3, 2));
            StepHealth health = health(root, same, scores);
            assertThat(health.spread()).isCloseTo(0, within(1e-3));
            assertThat(health.information()).isCloseTo(0, within(1e-6));
            assertThat(health.chosen().cardinality()).isEqualTo(1);
        }
    }

    @Test
    void oppositeImagesAreSpreadAndToldApart() {
        try (NDManager root = TorchRuntime.root()) {
            NDArray corners = root.create(new float[] {1, 0, -1, 0, 0, 1, 0, -1}, new Shape(4, 2));
            NDArray scores = corners.matMul(corners.transpose()); // four prototypes, one at each
            StepHealth health = health(root, corners, scores);
            assertThat(health.spread()).isCloseTo(1, within(1e-5));
            assertThat(health.perplexity()).isCloseTo(4, within(1e-4));
            assertThat(health.information()).isCloseTo(Math.log(4), within(2e-2));
            assertThat(health.chosen().cardinality()).isEqualTo(4);
        }
    }

    @Test
    void featureRankCountsDirections() {
        assertThat(FeatureRank.of(new double[] {2, 2, 2, 0})).isCloseTo(3, within(1e-9));
        assertThat(FeatureRank.of(new double[] {0, 0})).isEqualTo(1);
        try (NDManager root = TorchRuntime.root()) {
            assertThat(TorchOps.singularValues(root.create(new float[] {3, 0, 0, 4, 0, 0}, new Shape(3, 2))))
                    .usingComparatorWithPrecision(1e-6)
                    .containsExactly(4, 3);
        }
    }
}
