package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.collective.Ranked;
import io.swav.conformance.WorldSizeRank.Part;
import io.swav.conformance.WorldSizeRank.Result;
import io.swav.conformance.WorldSizeRank.Training;
import io.swav.model.QueueSettings;
import io.swav.multiprocess.ProcessGroup;
import io.swav.torch.TorchRuntime;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests that the result does not depend on the world size: 8 groups are divided among any number of ranks over sockets.
 */
class WorldSizeTest {
    @TempDir
    private Path checkpoints = Path.of(".");

    @BeforeAll
    static void startTorch() {
        TorchRuntime.start();
    }

    /** Runs the ranks as threads; all must end with the same weights. */
    private static Result train(int size, Training training, Optional<Part> part) throws Exception {
        List<Result> results = Ranked.run(size, (world, manager) -> WorldSizeRank.train(training, world, size, part));
        assertThat(results).allSatisfy(result -> same(result, results.get(0)));
        return results.get(0);
    }

    private static void same(Result one, Result other) {
        assertThat(one.loss()).isEqualTo(other.loss());
        assertThat(one.digest()).isEqualTo(other.digest());
    }

    @Test
    void bitwiseGivesTheSameBitsAtEveryWorldSizeOfProcesses() throws Exception {
        Map<Integer, Set<String>> bySize = new TreeMap<>();
        for (int size : new int[] {1, 3, 5}) {
            Set<String> lines = new ConcurrentSkipListSet<>();
            assertThat(ProcessGroup.run(
                            WorldSizeRank.class,
                            size,
                            Duration.ofMinutes(5),
                            List.of("10"),
                            (rank, line) -> lines.add(line)))
                    .isEmpty();
            bySize.put(size, lines);
        }
        Set<String> alone = Set.copyOf(bySize.getOrDefault(1, Set.of()));
        assertThat(alone).hasSize(1);
        assertThat(bySize).allSatisfy((size, lines) -> assertThat(lines).isEqualTo(alone));
    }

    @Test
    void halfPrecisionGivesTheSameBitsAtEveryWorldSize() throws Exception {
        Training training = new Training(5, "Bitwise-bf16", 4, 4, 0.5, QueueSettings.NONE);
        same(train(3, training, Optional.empty()), train(1, training, Optional.empty()));
    }

    /** Continues a checkpoint of four ranks for ten steps at other world sizes. */
    @Test
    void resumesACheckpointOfFourRanksAtAnyWorldSize() throws Exception {
        Training whole = new Training(13, "Bitwise", 4, 4, 0.5, QueueSettings.NONE);
        Result undisturbed = train(1, whole, Optional.empty());
        train(4, new Training(3, "Bitwise", 4, 4, 0.5, QueueSettings.NONE), Optional.of(new Part(0, checkpoints)));
        for (int size : new int[] {1, 3, 7}) {
            same(train(size, whole, Optional.of(new Part(3, checkpoints))), undisturbed);
        }
    }

    /** The queue is full from step 3 on: it is filled at one world size, and used at others. */
    @Test
    void aQueueGivesTheSameBitsAtAnyWorldSizeAndAfterAResume() throws Exception {
        QueueSettings queue = new QueueSettings(3, 0);
        Training whole = new Training(8, "Bitwise", 4, 4, 0.5, queue);
        Result undisturbed = train(1, whole, Optional.empty());
        assertThat(train(1, new Training(8, "Bitwise", 4, 4, 0.5, QueueSettings.NONE), Optional.empty())
                        .loss())
                .isNotEqualTo(undisturbed.loss());
        train(5, new Training(5, "Bitwise", 4, 4, 0.5, queue), Optional.of(new Part(0, checkpoints)));
        for (int size : new int[] {1, 3, 8}) {
            same(train(size, whole, Optional.of(new Part(5, checkpoints))), undisturbed);
        }
    }

    /** Spans of 4 groups, and of all 8, which three and eight ranks share with others. */
    @Test
    void batchNormOverGroupsGivesTheSameBitsAtAnyWorldSizeAndAfterAResume() throws Exception {
        for (int span : new int[] {4, 8}) {
            Path place = checkpoints.resolve("span" + span);
            QueueSettings queue = new QueueSettings(2, 0);
            Training whole = new Training(5, "Bitwise", 4, 4 * span, 0.5, queue);
            Result undisturbed = train(1, whole, Optional.empty());
            train(5, new Training(3, "Bitwise", 4, 4 * span, 0.5, queue), Optional.of(new Part(0, place)));
            for (int size : new int[] {1, 3, 8}) {
                same(train(size, whole, Optional.of(new Part(3, place))), undisturbed);
            }
        }
    }

    /** With local batch norm Fast differs from Bitwise only if a collective sums in an order of its own. */
    @Test
    void fastOverSocketsIsExactWithLocalBatchNorm() throws Exception {
        fastStaysWithin(1e-12, 16, 0.6, 3);
    }

    /** Shared statistics are rounded, and the network amplifies that at every step, so the learning rate is low. */
    @Test
    void fastStaysWithinRoundingWithSharedBatchNorm() throws Exception {
        fastStaysWithin(1e-4, 64, 0.1, 2, 3, 5);
    }

    private static void fastStaysWithin(double bound, int normGroup, double learningRate, int... sizes)
            throws Exception {
        Training training = new Training(10, "Fast", 16, normGroup, learningRate, QueueSettings.NONE);
        FloatBuffer alone = train(1, training, Optional.empty()).weights();
        for (int size : sizes) {
            assertThat(distance(alone, train(size, training, Optional.empty()).weights()))
                    .as("relative L2, batch norm over %d samples, %d ranks", normGroup, size)
                    .isLessThan(bound);
        }
    }

    private static double distance(FloatBuffer expected, FloatBuffer actual) {
        assertThat(actual.capacity()).isEqualTo(expected.capacity());
        double off = 0;
        double norm = 0;
        for (int i = 0; i < expected.capacity(); i++) {
            off += Math.pow((double) actual.get(i) - expected.get(i), 2);
            norm += Math.pow(expected.get(i), 2);
        }
        return Math.sqrt(off / norm);
    }
}
