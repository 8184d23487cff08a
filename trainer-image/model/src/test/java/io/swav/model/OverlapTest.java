package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.CommunicationThread;
import io.swav.collective.GroupRange;
import io.swav.collective.Ranked;
import io.swav.collective.SoloCollective;
import io.swav.collective.nccl.NcclStub;
import io.swav.torch.CudaStub;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests sums over ranks that run during backward. */
class OverlapTest {
    private static final GroupRange[] PAIR = {new GroupRange(0, 2), new GroupRange(2, 4)};

    @BeforeAll
    static void start() {
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
    }

    @AfterEach
    void streamsFlow() {
        CudaStub.hold(CudaStub.Held.NONE);
    }

    private static Learner learner(NDManager manager, StepSettings settings) {
        Learner learner = new Learner(settings, Architecture.of("tiny", "small", 32, 16, 20), step -> 0.5, manager);
        learner.network().initialize(7);
        return learner;
    }

    private static void begin(Learner learner, Collective world, long step) {
        learner.lossAndGradients(LearnerTest.crops(step), PAIR, world, step, 5);
    }

    @Test
    void bucketsShrinkTowardsTheBeginningAndAreReportedInOneOrder() {
        FlatLayout layout = new FlatLayout();
        for (int i = 0; i < 10; i++) {
            layout.add("w" + i, 1 << 16); // a quarter of a MiB each
        }
        List<String> reported = new ArrayList<>();
        GradientBuckets buckets =
                new GradientBuckets(layout, layout.size() + 16, 5 << 18, (from, to) -> reported.add(from + "-" + to));
        // 1, 2, 4, then the rest
        assertThat(buckets.count()).isEqualTo(4);
        for (int i : new int[] {0, 1, 2, 9, 8, 6, 7, 5, 4, 3}) {
            buckets.done("w" + i);
        }
        long one = 1 << 16;
        assertThat(reported)
                .containsExactly(
                        7 * one + "-" + (10 * one + 16), 3 * one + "-" + 7 * one, one + "-" + 3 * one, "0-" + one);
        assertThat(buckets.complete()).isTrue();
        assertThatThrownBy(() -> buckets.done("w3")).hasMessageContaining("w3 is no longer awaited");
        GradientBuckets whole = new GradientBuckets(layout, layout.size(), 0, (from, to) -> reported.add("all"));
        assertThat(whole.count()).isEqualTo(1);
        assertThat(whole.complete()).isFalse();
    }

    /**
     * Rounding between ranks changes only the last bits of a gradient, over either transport, and nothing else of a
     * step.
     */
    @Test
    void roundedGradientsDifferOnlyInTheirLastBits() throws Exception {
        List<Average> exact = averages(Ranked.connect(2), Precision.FP32);
        for (List<? extends Collective> world : List.of(Ranked.connect(2), NcclStub.connect(2))) {
            List<Average> rounded = averages(world, Precision.BF16);
            assertThat(rounded.get(0).loss()).isCloseTo(exact.get(0).loss(), within(1e-6));
            for (int parameter = 0; parameter < exact.get(0).gradients().size(); parameter++) {
                float[] expected = exact.get(0).gradients().get(parameter);
                float[] values = rounded.get(0).gradients().get(parameter);
                assertThat(Arrays.equals(values, rounded.get(1).gradients().get(parameter)))
                        .as("the same everywhere: parameter %d", parameter)
                        .isTrue();
                double error = 0;
                double length = 0;
                for (int i = 0; i < values.length; i++) {
                    error += Math.pow((double) values[i] - expected[i], 2);
                    length += Math.pow(expected[i], 2);
                }
                // from 2 values of 8 bits, each rounded to the nearest
                assertThat(error).as("parameter %d", parameter).isLessThanOrEqualTo(length / 10_000);
                assertThat(error > 0).as("parameter %d", parameter).isEqualTo(length > 0);
            }
        }
    }

    @Test
    void bitwiseRefusesRoundedGradients() {
        assertThatThrownBy(() -> LearnerTest.settings(4, true, Precision.FP32, Precision.BF16))
                .hasMessageContaining("training.gradients.precision bf16 needs training.reproducibility Fast");
    }

    @Test
    void everyRankLearnsTheSmallestVote() throws Exception {
        List<Long> agreed = Ranked.run(Ranked.connect(2), (world, manager) -> {
            try (Learner learner = learner(manager, LearnerTest.settings(4, true))) {
                learner.lossAndGradients(LearnerTest.crops(0), PAIR, world, 0, 8 - world.rank());
                return learner.averageGradients().agreed();
            }
        });
        assertThat(agreed).containsExactly(7L, 7L);
    }

    private record Average(double loss, List<float[]> gradients) {}

    private static List<Average> averages(List<? extends Collective> world, Precision precision) throws Exception {
        return Ranked.run(world, (collective, manager) -> {
            try (Learner learner = learner(manager, LearnerTest.settings(4, false, Precision.FP32, precision))) {
                begin(learner, collective, 0);
                double loss = learner.averageGradients().loss();
                List<float[]> gradients = learner.gradients(manager).values().stream()
                        .map(NDArray::toFloatArray)
                        .toList();
                return new Average(loss, gradients);
            }
        });
    }

    /** A peer leaves at every stage of a step: the survivor's state stays whole, and no thread of the step remains. */
    @Test
    void losingAPeerDuringCommunicationKeepsTheStateWhole() throws Exception {
        for (int stage = 0; stage < 3; stage++) {
            int at = stage;
            CountDownLatch gone = new CountDownLatch(1);
            List<Boolean> whole = Ranked.run(Ranked.connect(2), (world, manager) -> {
                try (Learner learner = learner(manager, LearnerTest.settings(4, true))) {
                    begin(learner, world, 0);
                    learner.averageGradients();
                    learner.apply();
                    byte[] before = learner.digest();
                    if (world.rank() == 1) {
                        leave(learner, world, at);
                        gone.countDown();
                    } else {
                        assertThatThrownBy(() -> {
                                    begin(learner, world, 1);
                                    gone.await();
                                    learner.averageGradients();
                                    begin(learner, world, 2);
                                })
                                .isInstanceOf(CollectiveException.class);
                    }
                    boolean same = Arrays.equals(before, learner.digest());
                    // the state can be used in another world
                    learner.lossAndGradients(
                            LearnerTest.crops(1), new GroupRange[] {new GroupRange(0, 4)}, new SoloCollective(), 1, 5);
                    learner.averageGradients();
                    learner.apply();
                    return same;
                }
            });
            assertThat(whole).as("stage %d", stage).containsExactly(true, true);
            await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                    .as("stage %d", at)
                    .noneMatch(thread -> thread.getName().equals(CommunicationThread.THREAD)));
        }
    }

    /**
     * Over NCCL, with batch norm local or synchronized, the device waits for peers in order, and the host only for the
     * sums.
     */
    @ParameterizedTest
    @ValueSource(ints = {4, 16})
    void hostRunsAheadOfAPeerOnADevice(int normGroup) throws Exception {
        CountDownLatch rests = new CountDownLatch(1);
        CountDownLatch through = new CountDownLatch(1);
        List<Boolean> met = Ranked.run(NcclStub.connect(2), (world, manager) -> {
            try (Learner learner = learner(manager, LearnerTest.settings(normGroup, normGroup == 4))) {
                begin(learner, world, 0);
                learner.averageGradients();
                learner.apply();
                if (world.rank() == 1) {
                    rests.countDown();
                    return through.await(20, TimeUnit.SECONDS);
                }
                rests.await();
                CudaStub.hold(
                        CudaStub.Held
                                .LIBTORCH); // otherwise the stub would wait on the host for what a device waits for
                begin(learner, world, 1);
                through.countDown();
                world.abort();
                return true;
            }
        });
        assertThat(met).containsExactly(true, true);
    }

    private static void leave(Learner learner, Collective world, int stage) {
        switch (stage) {
            case 0 -> world.abort(); // before the step
            case 1 -> { // before its backward: the peer's first sums wait for it
                learner.watch(phase -> {
                    if (phase == StepPhase.BACKWARD) {
                        world.abort();
                        throw new IllegalStateException("gone");
                    }
                });
                assertThatThrownBy(() -> begin(learner, world, 1)).hasMessage("gone");
                learner.watch(phase -> {});
            }
            default -> { // after its backward, dropped while sums may be in progress
                begin(learner, world, 1);
                learner.discard();
                world.abort();
            }
        }
    }
}
