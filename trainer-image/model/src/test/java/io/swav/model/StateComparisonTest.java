package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.GroupRange;
import io.swav.collective.Ranked;
import io.swav.collective.SoloCollective;
import io.swav.torch.HostView;
import io.swav.torch.TorchRuntime;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Steps of two ranks, over real sockets, one of which may hold another state than the other. */
class StateComparisonTest {
    private static final Architecture TINY = Architecture.of("tiny", "small", 32, 16, 20);
    private static final GroupRange[] RUNS = {new GroupRange(0, 2), new GroupRange(2, 4)};
    private static final long VOTE = 14;

    @BeforeAll
    static void start() {
        TorchRuntime.start();
    }

    @Test
    void equalStatesDoNotDiverge() throws Exception {
        assertThat(diverged(-1, 3)).containsExactly(false, false);
    }

    @Test
    void aFlippedBitOfOneRanksWeightsIsNoticedInTheSameStepByBoth() throws Exception {
        assertThat(diverged(0, 3)).containsExactly(true, true);
    }

    @Test
    void soIsOneOfTheBatchStatistics() throws Exception {
        assertThat(diverged(2, 3)).containsExactly(true, true);
    }

    @Test
    void soIsOneOfTheMomentumInEverySixteenthStep() throws Exception {
        assertThat(diverged(1, 15)).containsExactly(false, false);
        assertThat(diverged(1, 16)).containsExactly(true, true);
    }

    @Test
    void soIsOneOfTheQueue() throws Exception {
        assertThat(diverged(4, 3, new QueueSettings(2, 0))).containsExactly(true, true);
        assertThat(diverged(-1, 3, new QueueSettings(2, 0))).containsExactly(false, false);
    }

    /** The first step's fingerprint decides whether two processors are of one kind, so equal processes must agree on it. */
    @Test
    void theFirstStepHasTheSameFingerprintInEveryLearnerOfOneSeed() {
        assertThat(firstStep(7)).matches("[0-9a-f]{16}").isEqualTo(firstStep(7)).isNotEqualTo(firstStep(8));
    }

    private static String firstStep(long seed) {
        try (NDManager manager = TorchRuntime.root();
                Learner learner = learner(manager, seed)) {
            return learner.warmUp(LearnerTest.crops(5));
        }
    }

    /** @param array index in the state in which rank 1 flips a bit; −1 for none */
    private static List<Boolean> diverged(int array, long step) throws Exception {
        return diverged(array, step, QueueSettings.NONE);
    }

    private static List<Boolean> diverged(int array, long step, QueueSettings queue) throws Exception {
        return Ranked.run(2, (collective, manager) -> {
            TorchRuntime.setThreads(1);
            try (collective;
                    Learner learner = learner(manager, 7, queue)) {
                if (collective.rank() == 1 && array >= 0) {
                    flip(learner.state().get(array));
                }
                learner.lossAndGradients(LearnerTest.crops(step), RUNS, collective, step, VOTE);
                StepResult result = learner.averageGradients();
                assertThat(result.agreed()).isEqualTo(VOTE);
                return result.diverged();
            }
        });
    }

    @Test
    void aSingleRankComparesNothing() {
        try (NDManager manager = TorchRuntime.root();
                Learner learner = learner(manager, 7)) {
            GroupRange[] alone = {new GroupRange(0, 4)};
            learner.lossAndGradients(LearnerTest.crops(3), alone, new SoloCollective(), 3, VOTE);
            StepResult result = learner.averageGradients();
            assertThat(result.agreed()).isEqualTo(VOTE);
            assertThat(result.diverged()).isFalse();
        }
    }

    private static Learner learner(NDManager manager, long seed) {
        return learner(manager, seed, QueueSettings.NONE);
    }

    private static Learner learner(NDManager manager, long seed, QueueSettings queue) {
        Learner learner = new Learner(LearnerTest.settings(4, true, queue), TINY, step -> 0.5, manager);
        learner.network().initialize(seed);
        return learner;
    }

    private static void flip(NDArray array) {
        HostView view = HostView.of(array);
        view.bytes().put(5, (byte) (view.bytes().get(5) ^ 1));
        view.store();
    }
}
