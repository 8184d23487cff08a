package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.ModelSpec;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The networks by name and the heads. Numbers of parameters are published ones. */
class NetworksTest {
    private static final GroupRange[] ALONE = {new GroupRange(0, 4)};

    @BeforeAll
    static void start() {
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
    }

    /** torchvision's, without its classifier, and SwAV's wide networks; with the head and 3000 prototypes. */
    @ParameterizedTest
    @CsvSource({
        "resnet18, 2048, true, 11176512, 0",
        "resnet34, 2048, true, 21284672, 0",
        "resnet101, 2048, true, 42500160, 0",
        "resnet50, 2048, true, 23508032, 28354752",
        "resnet50w2, 8192, true, 93907072, 128918784",
        "resnet50w4, 8192, true, 375378176, 443944320",
        "resnet50w5, 10240, false, 586450240, 693012928",
    })
    void haveThePublishedNumbersOfParameters(String name, int hidden, boolean headNorm, long backbone, long all) {
        Architecture architecture =
                Architecture.of(new ModelSpec(name, "imagenet", 3000, 128, hidden, null, headNorm ? null : false));
        FlatLayout parameters = new FlatLayout();
        FlatLayout buffers = new FlatLayout();
        new Backbone(architecture, parameters, buffers);
        assertThat(count(parameters)).isEqualTo(backbone);
        new ProjectionHead(architecture, parameters, buffers);
        if (all > 0) {
            assertThat(count(parameters) + 3000L * 128).isEqualTo(all);
        }
    }

    private static long count(FlatLayout layout) {
        long count = 0;
        for (FlatLayout.ParameterSlot slot : layout.slots()) {
            count += slot.shape().size();
        }
        return count;
    }

    private static Architecture small(String architecture, int hidden, boolean headNorm, @Nullable Integer width) {
        return Architecture.of(new ModelSpec(architecture, "small", 20, 16, hidden, width, headNorm ? null : false));
    }

    @Test
    void aWidthScalesAllLayers() {
        Architecture half = small("resnet18", 32, true, 32);
        assertThat(half.stemWidth()).isEqualTo(32);
        assertThat(half.width()).isEqualTo(256);
        assertThat(small("resnet50", 32, true, 128)).isEqualTo(small("resnet50w2", 32, true, null));
    }

    /** A checkpoint is read by the shapes in it. */
    @ParameterizedTest
    @CsvSource({"32, true", "32, false", "0, true"})
    void areRecognizedByTheirShapes(int hidden, boolean headNorm) {
        Architecture architecture = small("tiny", hidden, headNorm, 8);
        try (NDManager manager = TorchRuntime.root()) {
            Map<String, Shape> shapes = new LinkedHashMap<>();
            new Model(architecture, manager).state().forEach((name, array) -> shapes.put(name, array.getShape()));
            assertThat(Architecture.ofShapes(shapes)).isEqualTo(architecture);
            assertThat(shapes)
                    .containsKey(
                            hidden == 0
                                    ? "projection_head.weight"
                                    : headNorm ? "projection_head.3.weight" : "projection_head.2.weight");
        }
    }

    @Test
    void unknownNamesAreRefused() {
        assertThatThrownBy(() -> small("vgg", 32, true, null))
                .hasMessageContaining("model.architecture is 'vgg', it must be one of [resnet50, resnet50w2");
    }

    /**
     * The slope of the loss along the gradient is the gradient's squared norm. Codes hardly depend on the weights at this
     * ε, as if they were constants.
     */
    @ParameterizedTest
    @CsvSource({"32, true", "32, false", "0, true"})
    void gradientsAreTheSlopesOfTheLoss(int hidden, boolean headNorm) {
        StepSettings like = LearnerTest.settings(4, true);
        StepSettings settings = new StepSettings(
                like.batch(),
                like.group(),
                16,
                like.crops(),
                new Sinkhorn(1000, 3),
                0.1,
                like.larc(),
                0,
                true,
                0,
                Precision.FP32,
                Precision.FP32,
                QueueSettings.NONE);
        try (NDManager manager = TorchRuntime.root();
                Learner learner = new Learner(settings, small("tiny", hidden, headNorm, 8), step -> 0.5, manager)) {
            learner.network().initialize(7);
            double loss = loss(learner);
            assertThat(loss).isGreaterThan(0);
            double squares = 0;
            Map<String, NDArray> gradients = new LinkedHashMap<>();
            for (Map.Entry<String, NDArray> gradient :
                    learner.gradients(manager).entrySet()) {
                if (!gradient.getKey().equals(Model.PROTOTYPES)) { // which are normalized before they are used
                    gradients.put(gradient.getKey(), TorchOps.clone(manager, gradient.getValue()));
                    squares += gradient.getValue().square().sum().getFloat();
                }
            }
            assertThat(gradients.get(hidden == 0 ? "projection_head.weight" : "projection_head.0.weight"))
                    .isNotNull()
                    .satisfies(gradient ->
                            assertThat(gradient.abs().sum().getFloat()).isPositive());
            double by = 0.01 / squares;
            gradients.forEach(
                    (name, gradient) -> TorchOps.addScaled(learner.network().weight(name), gradient, by));
            double above = loss(learner);
            gradients.forEach(
                    (name, gradient) -> TorchOps.addScaled(learner.network().weight(name), gradient, -2 * by));
            double below = loss(learner);
            assertThat((above - below) / (2 * by) / squares).isCloseTo(1, within(0.03));
        }
    }

    private static double loss(Learner learner) {
        learner.lossAndGradients(LearnerTest.crops(0), ALONE, new SoloCollective(), 0, 5);
        return learner.averageGradients().loss();
    }
}
