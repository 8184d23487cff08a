package io.swav.model;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Steps of one rank with a queue of two steps, 4 groups of 4 samples, 2 assigned crops and 16 features. */
class FeatureQueueTest {
    private static final Architecture TINY = Architecture.of("tiny", "small", 32, 16, 20);
    private static final GroupRange[] ALONE = {new GroupRange(0, 4)};
    private static final int ROWS = 4 * 16;

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

    /** Creates a learner whose epochs have two steps. */
    private Learner learner(QueueSettings queue) {
        Learner learner = new Learner(
                LearnerTest.settings(4, true, queue),
                TINY,
                step -> 0.5,
                step -> step / 2,
                manager,
                new ActivationBudget());
        learner.network().initialize(7);
        return learner;
    }

    /** Computes a step; returns its loss, and the embeddings of the assigned crops, by group. */
    private double compute(Learner learner, long step, List<float[]> embeddings) {
        learner.lossAndGradients(LearnerTest.crops(step), ALONE, solo, step, 5);
        for (Learner.Output output : learner.outputs()) {
            output.embeddingsBD().subList(0, 2).forEach(crop -> embeddings.add(crop.toFloatArray()));
        }
        return learner.averageGradients().loss();
    }

    @Test
    void fillsFromItsEpochNewestFirstAndIsUsedOnceItIsFull() {
        try (Learner queued = learner(new QueueSettings(2, 1));
                Learner plain = learner(QueueSettings.NONE)) {
            List<List<float[]>> pushed = new ArrayList<>();
            for (int step = 0; step < 5; step++) {
                List<float[]> embeddings = new ArrayList<>();
                double loss = compute(queued, step, embeddings);
                double without = compute(plain, step, new ArrayList<>());
                assertThat(loss == without)
                        .as("step %d without the queue", step)
                        .isEqualTo(step < 4);
                queued.apply();
                plain.apply();
                if (step >= 2) { // of epoch 1
                    pushed.add(0, embeddings);
                }
                assertRows(rows(queued), pushed);
            }
        }
    }

    private static float[] rows(Learner learner) {
        return Objects.requireNonNull(learner.optimizer().get(Learner.QUEUE)).toFloatArray();
    }

    private static void assertRows(float[] rows, List<List<float[]>> newestFirst) {
        for (int block = 0; block < 8; block++) { // group by group, crop by crop
            for (int age = 0; age < 2; age++) {
                float[] expected =
                        age < newestFirst.size() ? newestFirst.get(age).get(block) : new float[ROWS];
                int from = (2 * block + age) * ROWS;
                assertThat(Arrays.copyOfRange(rows, from, from + ROWS))
                        .as("block %d, %d steps old", block, age)
                        .containsExactly(expected);
            }
        }
    }

    @Test
    void aStepThatIsDroppedLeavesItAsItWas() {
        try (Learner learner = learner(new QueueSettings(2, 0))) {
            compute(learner, 0, new ArrayList<>());
            learner.apply();
            byte[] before = learner.digest();
            compute(learner, 1, new ArrayList<>());
            learner.discard();
            assertThat(learner.digest()).isEqualTo(before);
        }
    }

    @Test
    void isPartOfTheDigestTheCheckpointAndTheInitialState() {
        try (Learner learner = learner(new QueueSettings(2, 0))) {
            byte[] initial = learner.digest();
            NDArray rows = Objects.requireNonNull(learner.optimizer().get(Learner.QUEUE));
            TorchOps.fill(rows, 0.5);
            byte[] filled = learner.digest();
            assertThat(filled).isNotEqualTo(initial).hasSize(initial.length);
            TorchOps.fill(learner.state().get(4), 0);
            assertThat(learner.digest()).isEqualTo(initial);
        }
    }

    /** Another rank's rows, or a checkpoint's, may be written to the arrays: whether they are full is found out again. */
    @Test
    void findsOutAgainWhetherItIsFullAfterItsRowsWereWritten() {
        FeatureQueue queue = new FeatureQueue(1, 1, 1, 1, 3, manager);
        assertThat(queue.isFull()).isFalse();
        TorchOps.fill(queue.rows(), -1);
        assertThat(queue.isFull()).isTrue();
        TorchOps.fill(queue.state(), 0);
        assertThat(queue.isFull()).isFalse();
    }

    @Test
    void aLengthIsRoundedDownToWholeBatches() {
        assertThat(QueueSettings.of(3840, 15, 256)).isEqualTo(new QueueSettings(15, 15));
        assertThat(QueueSettings.of(4000, 15, 256)).isEqualTo(new QueueSettings(15, 15));
    }
}
