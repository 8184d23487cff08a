package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class LearnerTest {
    private static final Architecture TINY = Architecture.of("tiny", "small", 32, 16, 20);
    private static final List<StepSettings.Crops> CROPS =
            List.of(new StepSettings.Crops(2, 16), new StepSettings.Crops(2, 12));
    private static final GroupRange[] ALONE = {new GroupRange(0, 4)};

    private final NDManager manager = NDManager.newBaseManager();
    private final Collective solo = new SoloCollective();

    @BeforeAll
    static void start() {
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    static StepSettings settings(int normGroup, boolean bitwise) {
        return settings(normGroup, bitwise, Precision.FP32, Precision.FP32);
    }

    static StepSettings settings(int normGroup, boolean bitwise, QueueSettings queue) {
        return settings(normGroup, bitwise, Precision.FP32, Precision.FP32, queue);
    }

    static StepSettings settings(int normGroup, boolean bitwise, Precision precision, Precision gradients) {
        return settings(normGroup, bitwise, precision, gradients, QueueSettings.NONE);
    }

    static StepSettings settings(
            int normGroup, boolean bitwise, Precision precision, Precision gradients, QueueSettings queue) {
        return new StepSettings(
                16,
                4,
                normGroup,
                CROPS,
                new Sinkhorn(0.05, 3),
                0.1,
                new Larc(0.9, 1e-6, 1e-3, false),
                1,
                bitwise,
                8 << 10,
                precision,
                gradients,
                queue);
    }

    /** Returns crops that depend on step and group alone. */
    static CropSource crops(long step) {
        return (manager, group) -> RandomCrops.of(manager, CROPS, 4, step * 1000 + group);
    }

    private Learner learner(StepSettings settings, ActivationBudget memory) {
        return learner(settings, 0.5, memory);
    }

    private Learner learner(StepSettings settings, double learningRate, ActivationBudget memory) {
        Learner learner = new Learner(settings, TINY, step -> learningRate, step -> 0, manager, memory);
        learner.network().initialize(7);
        return learner;
    }

    private StepResult step(Learner learner, long step) {
        learner.lossAndGradients(crops(step), ALONE, solo, step, 5);
        StepResult result = learner.averageGradients();
        learner.apply();
        return result;
    }

    @Test
    void lossFallsOnOneBatch() {
        try (Learner learner = learner(settings(4, true), 2.0, new ActivationBudget())) {
            double first = 0;
            double last = 0;
            for (int i = 0; i < 20; i++) {
                learner.lossAndGradients(crops(0), ALONE, solo, i, 5);
                StepResult result = learner.averageGradients();
                learner.apply();
                first = i == 0 ? result.loss() : first;
                last = result.loss();
                assertThat(result.agreed()).isEqualTo(5);
                StepHealth health = result.health().orElseThrow();
                assertThat(health.perplexity()).isBetween(1.0, 20.001);
                assertThat(health.spread()).isBetween(0.01, 1.0);
                assertThat(health.entropy()).isBetween(0.0, Math.log(20) + 1e-5);
                assertThat(health.gradientNorm()).isPositive();
                assertThat(health.featureRank().isPresent()).isEqualTo(i == 0);
            }
            assertThat(last).isLessThan(first);
        }
    }

    /** Rounding to 8 bits changes single gradients by about one percent; the loss must hardly change. */
    @Test
    void halfPrecisionTracksTheLoss() {
        try (Learner full = learner(settings(4, true), 0.1, new ActivationBudget());
                Learner half =
                        learner(settings(4, true, Precision.BF16, Precision.FP32), 0.1, new ActivationBudget())) {
            byte[] start = half.digest();
            for (int i = 0; i < 12; i++) {
                full.lossAndGradients(crops(0), ALONE, solo, i, 5);
                half.lossAndGradients(crops(0), ALONE, solo, i, 5);
                double expected = full.averageGradients().loss();
                double loss = half.averageGradients().loss();
                assertThat(loss)
                        .as("step %d", i)
                        .isCloseTo(expected, within(0.05))
                        .isNotEqualTo(expected);
                full.apply();
                half.apply();
            }
            assertThat(half.digest()).isNotEqualTo(start).isNotEqualTo(full.digest());
        }
    }

    @Test
    void secondForwardGivesTheBitsOfKeptGraphs() {
        recomputingGivesTheBitsOfKeptGraphs(new ActivationBudget(0, Long.MAX_VALUE));
    }

    /** The size of a group's activations is known after the first one. */
    @Test
    void runningBlocksAgainGivesTheBitsOfKeptGraphs() {
        recomputingGivesTheBitsOfKeptGraphs(new ActivationBudget(0, 0));
    }

    private void recomputingGivesTheBitsOfKeptGraphs(ActivationBudget small) {
        ActivationBudget large = new ActivationBudget(Long.MAX_VALUE, Long.MAX_VALUE);
        for (int normGroup : new int[] {4, 8, 16}) {
            try (Learner kept = learner(settings(normGroup, true), large);
                    Learner recomputed = learner(settings(normGroup, true), small)) {
                for (int i = 0; i < 3; i++) {
                    assertThat(step(recomputed, i)).isEqualTo(step(kept, i));
                }
                assertThat(recomputed.digest()).isEqualTo(kept.digest());
            }
        }
    }

    /** The reference normalizes the samples of a span as one batch. */
    @Test
    void aSpanHasTheStatisticsOfAllItsSamples() {
        try (Learner learner = learner(settings(16, true), new ActivationBudget())) {
            learner.lossAndGradients(crops(0), ALONE, solo, 0, 5);
            List<float[]> inSpan = learner.outputs().stream()
                    .map(output -> output.embeddingsBD().get(1).toFloatArray())
                    .toList();
            List<NDArray> joined = new ArrayList<>();
            for (int entry = 0; entry < 2; entry++) {
                List<NDArray> byCrop = new ArrayList<>();
                for (int crop = 0; crop < 2; crop++) {
                    for (int group = 0; group < 4; group++) {
                        NDArray all = crops(0).group(manager, group).get(entry);
                        byCrop.add(TorchOps.rows(manager, all, 4L * crop, 4L * crop + 4));
                    }
                }
                joined.add(TorchOps.concat(manager, byCrop, 0));
            }
            NDArray asOne = learner.network().embedTraining(manager, joined);
            for (int group = 0; group < 4; group++) {
                float[] expected = TorchOps.rows(manager, asOne, 16 + 4L * group, 16 + 4L * group + 4)
                        .toFloatArray();
                for (int i = 0; i < expected.length; i++) {
                    assertThat(inSpan.get(group)[i]).isCloseTo(expected[i], within(1e-5f));
                }
            }
        }
    }

    @Test
    void warmUpChangesNothing() {
        for (StepSettings settings : List.of(settings(4, true), settings(8, false))) {
            try (Learner learner = learner(settings, new ActivationBudget());
                    Learner undisturbed = learner(settings, new ActivationBudget())) {
                learner.warmUp(crops(5));
                assertThat(learner.digest()).isEqualTo(undisturbed.digest());
                step(learner, 0);
                step(undisturbed, 0);
                assertThat(learner.digest()).isEqualTo(undisturbed.digest());
            }
        }
    }

    @Test
    void discardedStepChangesNothing() {
        try (Learner learner = learner(settings(4, true), new ActivationBudget());
                Learner undisturbed = learner(settings(4, true), new ActivationBudget())) {
            step(learner, 0);
            step(undisturbed, 0);
            byte[] before = learner.digest();
            learner.lossAndGradients(crops(1), ALONE, solo, 1, 5);
            learner.averageGradients();
            assertThat(learner.digest()).isEqualTo(before);
            assertThatThrownBy(() -> learner.lossAndGradients(
                            (scope, group) -> {
                                if (group == 2) {
                                    throw new IllegalStateException("lost");
                                }
                                return crops(1).group(scope, group);
                            },
                            ALONE,
                            solo,
                            1,
                            5))
                    .hasMessage("lost");
            assertThat(learner.digest()).isEqualTo(before);
            step(learner, 1);
            step(undisturbed, 1);
            assertThat(learner.digest()).isEqualTo(undisturbed.digest());
        }
    }

    @Test
    void refusesCallsOutOfOrder() {
        try (Learner learner = learner(settings(4, true), new ActivationBudget())) {
            byte[] before = learner.digest();
            assertThatThrownBy(learner::averageGradients).isInstanceOf(IllegalStateException.class);
            learner.lossAndGradients(crops(0), ALONE, solo, 0, 5);
            assertThatThrownBy(learner::apply).isInstanceOf(IllegalStateException.class);
            assertThat(learner.digest()).isEqualTo(before);
            learner.averageGradients();
            learner.apply();
            assertThat(learner.digest()).isNotEqualTo(before);
            assertThatThrownBy(learner::apply).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void loadRestoresStateByName() {
        try (Learner source = learner(settings(4, true), new ActivationBudget());
                Learner target = learner(settings(4, true), new ActivationBudget())) {
            step(source, 0);
            step(source, 1);
            target.load(source.model(), source.optimizer());
            assertThat(target.digest()).isEqualTo(source.digest());
            assertThat(source.model())
                    .hasEntrySatisfying(
                            "bn1.num_batches_tracked",
                            count -> assertThat(count.getLong()).isEqualTo(4))
                    .hasEntrySatisfying(
                            "projection_head.1.num_batches_tracked",
                            count -> assertThat(count.getLong()).isEqualTo(2));
            byte[] before = target.digest();
            Map<String, NDArray> broken = new HashMap<>(source.model());
            broken.remove("layer1.0.conv1.weight");
            assertThatThrownBy(() -> target.network().load(broken))
                    .hasMessageContaining("layer1.0.conv1.weight is missing");
            assertThat(target.digest()).isEqualTo(before);
        }
    }

    @Test
    void reportsDivergenceAndKeepsTheState() {
        try (Learner learner = learner(settings(4, true), new ActivationBudget())) {
            byte[] before = learner.digest();
            learner.lossAndGradients(
                    (scope, group) -> crops(0).group(scope, group).stream()
                            .map(crop -> crop.mul(Float.NaN))
                            .toList(),
                    ALONE,
                    solo,
                    0,
                    5);
            assertThatThrownBy(() -> learner.averageGradients())
                    .isInstanceOf(NotFiniteException.class)
                    .hasMessageContaining("learningRate");
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    /** The loss may still be finite: the sums over the ranks are checked as well. */
    @Test
    void reportsANonFiniteGradientAndKeepsTheState() {
        try (Learner learner = learner(settings(8, false), new ActivationBudget())) {
            byte[] before = learner.digest();
            learner.lossAndGradients(crops(0), ALONE, spoiling(solo), 0, 5);
            assertThatThrownBy(() -> learner.averageGradients())
                    .isInstanceOf(NotFiniteException.class)
                    .hasMessageContaining("a gradient at step 0");
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    /** On a device the host learns of the failure only when it waits. */
    @Test
    void reportsADelayedReductionFailureAndKeepsTheState() {
        try (Learner learner = learner(settings(4, true), new ActivationBudget())) {
            byte[] before = learner.digest();
            Collective failing = instead("synchronize", solo, arguments -> {
                throw new CollectiveException("lost rank 1");
            });
            learner.lossAndGradients(crops(0), ALONE, failing, 0, 5);
            assertThatThrownBy(() -> learner.averageGradients()).hasMessage("lost rank 1");
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    /** Wraps a collective whose sums begin with NaN. */
    private static Collective spoiling(Collective sound) {
        return instead("allReduceSum", sound, arguments -> {
            NDArray array = (NDArray) arguments[0];
            TorchOps.fill(TorchOps.rows(array.getManager(), array, 0, 1), Double.NaN);
        });
    }

    /** Wraps a collective of one rank with one method replaced. */
    private static Collective instead(String name, Collective solo, Consumer<Object[]> body) {
        return (Collective) Proxy.newProxyInstance(
                LearnerTest.class.getClassLoader(), new Class<?>[] {Collective.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals(name)) {
                        body.accept(arguments);
                        return null;
                    }
                    return method.getName().equals("duplicate") ? proxy : method.invoke(solo, arguments);
                });
    }

    @Test
    void aLargeArrayOfTheStateIsSharedInPieces() {
        NDArray array = manager.create(new float[] {1, 2, 3, 4, 5});
        assertThat(Learner.pieces(array, 5)).containsExactly(array);
        List<NDArray> pieces = Learner.pieces(array, 2);
        assertThat(pieces.stream().map(piece -> piece.size())).containsExactly(2L, 2L, 1L);
        TorchOps.fill(pieces.get(2), 9);
        assertThat(array.toFloatArray()).containsExactly(1, 2, 3, 4, 9);
    }

    @Test
    void hardCodesAreOneHotInTheFirstStepsOnly() {
        StepSettings soft = settings(4, true);
        StepSettings hard = new StepSettings(
                soft.batch(),
                soft.group(),
                soft.normGroup(),
                soft.crops(),
                soft.sinkhorn(),
                soft.temperature(),
                soft.larc(),
                soft.frozenSteps(),
                true,
                soft.bucketBytes(),
                Precision.FP32,
                Precision.FP32,
                QueueSettings.NONE,
                1);
        try (Learner learner = learner(hard, new ActivationBudget());
                Learner other = learner(soft, new ActivationBudget())) {
            learner.lossAndGradients(crops(0), ALONE, solo, 0, 5);
            other.lossAndGradients(crops(0), ALONE, solo, 0, 5);
            for (int group = 0; group < 4; group++) {
                NDArray codes = learner.outputs().get(group).codesBK().get(1);
                NDArray expected = other.outputs().get(group).codesBK().get(1);
                assertThat(codes.toFloatArray()).containsOnly(0f, 1f);
                assertThat(codes.sum(new int[] {1}).toFloatArray()).containsOnly(1f);
                assertThat(codes.argMax(1).toLongArray())
                        .isEqualTo(expected.argMax(1).toLongArray());
            }
            learner.averageGradients();
            learner.apply();
            learner.lossAndGradients(crops(1), ALONE, solo, 1, 5);
            assertThat(learner.outputs().get(0).codesBK().get(0).max().getFloat())
                    .isStrictlyBetween(0f, 1f);
        }
    }

    /** LARC moves a parameter by a share of its norm; SGD by its gradient times the rate. */
    @Test
    void excludedParametersTakePlainSteps() {
        StepSettings all = settings(4, true);
        StepSettings some = new StepSettings(
                all.batch(),
                all.group(),
                all.normGroup(),
                all.crops(),
                all.sinkhorn(),
                all.temperature(),
                new Larc(0.9, 0.1, 1e-3, false, true),
                1,
                true,
                all.bucketBytes(),
                Precision.FP32,
                Precision.FP32,
                QueueSettings.NONE);
        try (Learner learner = learner(some, 0.5, new ActivationBudget())) {
            learner.lossAndGradients(crops(0), ALONE, solo, 0, 5);
            learner.averageGradients();
            Map<String, float[]> before = new HashMap<>();
            Map<String, float[]> gradients = new HashMap<>();
            learner.gradients(manager).forEach((name, gradient) -> gradients.put(name, gradient.toFloatArray()));
            learner.model().forEach((name, value) -> {
                if (gradients.containsKey(name)) {
                    before.put(name, value.toFloatArray());
                }
            });
            learner.apply();
            for (String name : List.of("bn1.weight", "layer1.0.bn2.bias", "projection_head.3.bias")) {
                float[] from = Objects.requireNonNull(before.get(name));
                float[] gradient = Objects.requireNonNull(gradients.get(name));
                float[] to = Objects.requireNonNull(learner.model().get(name)).toFloatArray();
                for (int i = 0; i < to.length; i++) {
                    assertThat(to[i]).as(name).isCloseTo(from[i] - 0.5f * gradient[i], within(1e-6f));
                }
            }
            float[] from = Objects.requireNonNull(before.get("conv1.weight"));
            float[] to =
                    Objects.requireNonNull(learner.model().get("conv1.weight")).toFloatArray();
            double moved = 0;
            double norm = 0;
            for (int i = 0; i < to.length; i++) {
                moved += (to[i] - from[i]) * (double) (to[i] - from[i]);
                norm += from[i] * (double) from[i];
            }
            assertThat(Math.sqrt(moved / norm)).isLessThan(0.5 * 1e-3 * 1.001).isPositive();
        }
    }

    /** A job that lost its trainers before its first checkpoint begins again with the same weights, by any version. */
    @Test
    void initialWeightsOfASeedNeverChange() {
        try (Learner learner = learner(settings(4, true), new ActivationBudget())) {
            assertThat(HexFormat.of().formatHex(learner.digest()))
                    .isEqualTo("00000000f5f92c5c0000000058034da700000000450be1d40000000085ac0989");
        }
    }

    @Test
    void weightsDependOnTheSeed() {
        try (Learner one = learner(settings(4, true), new ActivationBudget());
                Learner other = learner(settings(4, true), new ActivationBudget())) {
            assertThat(one.digest()).isEqualTo(other.digest());
            other.network().initialize(8);
            assertThat(one.digest()).isNotEqualTo(other.digest());
        }
    }
}
