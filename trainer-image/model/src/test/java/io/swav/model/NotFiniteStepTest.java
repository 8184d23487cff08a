package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A step that is not finite changes nothing, can be computed again, and its origin can be found. */
class NotFiniteStepTest {
    private static final Architecture TINY = Architecture.of("tiny", "small", 32, 16, 20);
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

    private Learner learner(int normGroup, boolean bitwise) {
        Learner learner = new Learner(
                LearnerTest.settings(normGroup, bitwise),
                TINY,
                step -> 0.5,
                step -> 0,
                manager,
                new ActivationBudget());
        learner.network().initialize(7);
        return learner;
    }

    private static CropSource poisoned(long step, int group) {
        return (scope, each) -> {
            List<NDArray> crops = LearnerTest.crops(step).group(scope, each);
            return each != group
                    ? crops
                    : crops.stream().map(crop -> crop.mul(Float.NaN)).toList();
        };
    }

    private void step(Learner learner, CropSource crops, long step) {
        learner.lossAndGradients(crops, ALONE, solo, step, 5);
        learner.averageGradients();
        learner.apply();
    }

    @Test
    void stepThatIsComputedAgainGivesTheSameBits() {
        try (Learner quiet = learner(4, true);
                Learner learner = learner(4, true)) {
            for (long step = 0; step < 4; step++) {
                step(quiet, LearnerTest.crops(step), step);
                if (step == 2) {
                    byte[] before = learner.digest();
                    learner.lossAndGradients(poisoned(step, 1), ALONE, solo, step, 5);
                    assertThatThrownBy(learner::averageGradients).isInstanceOf(NotFiniteException.class);
                    assertThat(learner.digest()).isEqualTo(before);
                    assertThat(learner.inspect(poisoned(step, 1), ALONE[0], step))
                            .isNotEmpty();
                    assertThat(learner.digest()).isEqualTo(before);
                }
                step(learner, LearnerTest.crops(step), step);
            }
            assertThat(learner.digest()).isEqualTo(quiet.digest());
        }
    }

    @Test
    void findsTheGroupWhosePixelsAreNotFinite() {
        for (int normGroup : new int[] {4, 8}) {
            try (Learner learner = learner(normGroup, false)) {
                assertThat(learner.inspect(LearnerTest.crops(0), ALONE[0], 0)).isEmpty();
                assertThat(learner.inspect(poisoned(0, 2), ALONE[0], 0))
                        .singleElement()
                        .satisfies(found -> {
                            assertThat(found.group()).isEqualTo(2);
                            assertThat(found.tensor()).isEqualTo("the crops of resolution 0");
                            assertThat(found.loss()).isNaN();
                            assertThat(found.gradientNorm()).isNaN();
                        });
                assertThat(learner.inspect(poisoned(0, 2), new GroupRange(3, 4), 0))
                        .as("another rank's groups")
                        .isEmpty();
            }
        }
    }

    /** Pixels that are finite, and so large that the network is not. */
    @Test
    void findsTheFirstTensorThatIsNotFinite() {
        CropSource large = (scope, each) -> LearnerTest.crops(0).group(scope, each).stream()
                .map(crop -> each == 3 ? crop.mul(1e30f) : crop)
                .toList();
        try (Learner learner = learner(4, true)) {
            learner.lossAndGradients(large, ALONE, solo, 0, 5);
            assertThatThrownBy(learner::averageGradients).isInstanceOf(NotFiniteException.class);
            assertThat(learner.inspect(large, ALONE[0], 0)).singleElement().satisfies(found -> {
                assertThat(found.group()).isEqualTo(3);
                assertThat(found.tensor()).isNotEqualTo("the crops of resolution 0");
            });
        }
    }

    @Test
    void findsTensorsOfTheState() {
        try (Learner learner = learner(4, true)) {
            NDArray weight = Objects.requireNonNull(learner.model().get("layer1.0.conv1.weight"));
            TorchOps.fill(TorchOps.rows(manager, weight, 0, 1), Double.POSITIVE_INFINITY);
            TorchOps.fill(Objects.requireNonNull(learner.optimizer().get("conv1.weight")), Double.NaN);
            assertThat(learner.inspect(LearnerTest.crops(0), ALONE[0], 0))
                    .allMatch(NotFiniteValue::inState)
                    .extracting(NotFiniteValue::tensor)
                    .containsExactly("layer1.0.conv1.weight", "the momentum of conv1.weight");
        }
    }

    @Test
    void batchStatisticThatIsNotFiniteDropsTheStep() {
        StepSettings oneBucket = new StepSettings(
                16,
                4,
                8,
                LearnerTest.settings(8, false).crops(),
                new Sinkhorn(0.05, 3),
                0.1,
                new Larc(0.9, 1e-6, 1e-3, false),
                1,
                false,
                0,
                Precision.FP32,
                Precision.FP32,
                QueueSettings.NONE);
        try (Learner learner = new Learner(oneBucket, TINY, step -> 0.5, step -> 0, manager, new ActivationBudget())) {
            learner.network().initialize(7);
            byte[] before = learner.digest();
            long statistics = learner.network().parameters.size();
            Collective spoiling = instead("allReduceSum", arguments -> {
                NDArray array = (NDArray) arguments[0];
                if (array.size() > statistics) {
                    TorchOps.fill(TorchOps.rows(manager, array, statistics, statistics + 1), Double.NaN);
                }
            });
            learner.lossAndGradients(LearnerTest.crops(0), ALONE, spoiling, 0, 5);
            assertThatThrownBy(learner::averageGradients)
                    .isInstanceOf(NotFiniteException.class)
                    .hasMessageContaining("a batch statistic at step 0");
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    /** A rank that alone has dropped a step must not be summed with ranks that are one step further. */
    @Test
    void ranksAtDifferentStepsDropTheStep() {
        try (Learner learner = learner(4, true)) {
            byte[] before = learner.digest();
            Collective other = instead("allReduceMin", arguments -> {
                NDArray votes = (NDArray) arguments[0];
                long end = votes.size();
                // the other rank, at step 8, votes 4
                TorchOps.fill(TorchOps.rows(manager, votes, end - 5, end - 4), 4);
                TorchOps.fill(TorchOps.rows(manager, votes, end - 3, end - 2), -8);
            });
            learner.lossAndGradients(LearnerTest.crops(7), ALONE, other, 7, 5);
            assertThatThrownBy(learner::averageGradients)
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("the ranks are at different steps, 7 and 8");
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    @Test
    void resetGivesTheStateBeforeTheFirstStep() {
        try (Learner learner = learner(4, true)) {
            learner.reset();
            byte[] zeros = learner.digest();
            learner.network().initialize(7);
            step(learner, LearnerTest.crops(0), 0);
            assertThat(learner.digest()).isNotEqualTo(zeros);
            learner.reset();
            assertThat(learner.digest()).isEqualTo(zeros);
        }
    }

    /** Wraps a collective of one rank with one method replaced. */
    private Collective instead(String name, Consumer<Object[]> body) {
        return (Collective) Proxy.newProxyInstance(
                NotFiniteStepTest.class.getClassLoader(),
                new Class<?>[] {Collective.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals(name)) {
                        body.accept(arguments);
                        return null;
                    }
                    return method.getName().equals("duplicate") ? proxy : method.invoke(solo, arguments);
                });
    }
}
