package io.swav.swav;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.golden.RankProcesses;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The world size is not in the maths: real processes over sockets, 8 groups dealt to 1, 2, 3 and 5 of them. */
class WorldSizeTest {
    @TempDir
    private Path temp = Path.of(".");

    private Set<String> train(
            int size, int steps, String mode, int group, int normGroup, double learningRate, String... part)
            throws Exception {
        Set<String> said = new ConcurrentSkipListSet<>();
        List<String> arguments = new ArrayList<>(List.of(
                String.valueOf(steps),
                mode,
                String.valueOf(group),
                String.valueOf(normGroup),
                String.valueOf(learningRate),
                weights(size).toString()));
        arguments.addAll(List.of(part));
        assertThat(RankProcesses.run(
                        WorldSizeRank.class, size, Duration.ofMinutes(5), arguments, (rank, line) -> said.add(line)))
                .isEmpty();
        return said;
    }

    private Path weights(int size) {
        return temp.resolve("weights-" + size);
    }

    @Test
    void bitwiseGivesTheSameBitsAtEveryWorldSize() throws Exception {
        Map<Integer, Set<String>> bySize = new TreeMap<>();
        for (int size : new int[] {1, 2, 3, 5}) {
            bySize.put(size, train(size, 50, "Bitwise", 4, 4, 0.5));
        }
        Set<String> alone = Set.copyOf(bySize.getOrDefault(1, Set.of()));
        assertThat(alone).hasSize(2); // one digest and one loss
        assertThat(bySize).allSatisfy((size, said) -> assertThat(said).containsExactlyInAnyOrderElementsOf(alone));
    }

    @Test
    void halfPrecisionIsBitwiseTheSameToo() throws Exception {
        Set<String> alone = train(1, 8, "Bitwise-bf16", 4, 4, 0.5);
        assertThat(train(3, 8, "Bitwise-bf16", 4, 4, 0.5)).isEqualTo(alone).hasSize(2);
    }

    /** A checkpoint of four ranks, and twenty steps from it at other world sizes. */
    @Test
    void savedAtFourIsResumedAtAnyWorldSize() throws Exception {
        Set<String> quiet = train(1, 26, "Bitwise", 4, 4, 0.5);
        String checkpoints = temp.resolve("checkpoints").toString();
        train(4, 6, "Bitwise", 4, 4, 0.5, "0", checkpoints);
        for (int size : new int[] {1, 3, 7}) {
            assertThat(train(size, 26, "Bitwise", 4, 4, 0.5, "6", checkpoints))
                    .as("%d ranks", size)
                    .isEqualTo(quiet)
                    .hasSize(2);
        }
    }

    /** With local batch norm Fast differs from Bitwise only where a collective sums in an order of its own. */
    @Test
    void fastOverSocketsIsExactWithLocalBatchNorm() throws Exception {
        fastStaysWithin(1e-12, 16, 0.6, 3);
    }

    /** Statistics that ranks share round; the network makes that larger at every step, so a calm rate. */
    @Test
    void fastStaysWithinRoundingWithSharedBatchNorm() throws Exception {
        fastStaysWithin(1e-4, 64, 0.1, 2, 3, 5);
    }

    private void fastStaysWithin(double bound, int normGroup, double learningRate, int... sizes) throws Exception {
        train(1, 20, "Fast", 16, normGroup, learningRate);
        float[] alone = read(weights(1));
        for (int size : sizes) {
            train(size, 20, "Fast", 16, normGroup, learningRate);
            assertThat(distance(alone, read(weights(size))))
                    .as("relative L2, batch norm over %d samples, %d ranks", normGroup, size)
                    .isLessThan(bound);
        }
    }

    private static float[] read(Path file) throws IOException {
        FloatBuffer buffer = ByteBuffer.wrap(Files.readAllBytes(file)).asFloatBuffer();
        float[] values = new float[buffer.remaining()];
        buffer.get(values);
        return values;
    }

    private static double distance(float[] expected, float[] actual) {
        assertThat(actual).hasSameSizeAs(expected);
        double off = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            off += Math.pow((double) actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(off / norm);
    }
}
