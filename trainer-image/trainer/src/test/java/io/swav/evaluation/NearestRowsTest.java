package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchRuntime;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Compares neighbors found in tiles with those of a stable sort over all, where most similarities are equal. */
class NearestRowsTest {
    private static final long SEED = Long.getLong("swav.nearest.seed", 31);

    @Test
    void equalSimilaritiesKeepTheOrderOfRows() {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < 200; i++) {
            int tests = 1 + random.nextInt(6);
            int rows = 1 + random.nextInt(120);
            int count = 1 + random.nextInt(rows);
            int tile = 1 + random.nextInt(rows);
            int levels = 1 + random.nextInt(12);
            float[] scores = new float[tests * rows];
            for (int at = 0; at < scores.length; at++) {
                scores[at] = random.nextInt(levels) / 16f - 0.5f;
            }
            compare(scores, tests, rows, count, tile, "seed " + SEED + ", case " + i);
        }
    }

    private static void compare(float[] scores, int tests, int rows, int count, int tile, String what) {
        NearestRows nearest = new NearestRows(tests, count);
        TorchRuntime.start();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int first = 0; first < rows; first += tile) {
                int columns = Math.min(tile, rows - first);
                float[] part = new float[tests * columns];
                for (int test = 0; test < tests; test++) {
                    System.arraycopy(scores, test * rows + first, part, test * columns, columns);
                }
                NDArray scoresQT = manager.create(part, new Shape(tests, columns));
                nearest.add(manager, scoresQT, 0, first);
            }
        }
        for (int test = 0; test < tests; test++) {
            int begin = test * rows;
            int of = test;
            int[] expected = IntStream.range(0, rows)
                    .boxed()
                    .sorted(Comparator.comparingDouble(row -> -scores[begin + row]))
                    .limit(count)
                    .mapToInt(row -> row)
                    .toArray();
            assertThat(IntStream.range(0, count).map(place -> nearest.neighbor(of, place)))
                    .as("%s: %d of %d rows, tiles of %d, %s", what, count, rows, tile, Arrays.toString(expected))
                    .containsExactly(Arrays.stream(expected).boxed().toArray(Integer[]::new));
            assertThat(nearest.similarity(of, count - 1)).isEqualTo(scores[begin + expected[count - 1]]);
        }
    }
}
