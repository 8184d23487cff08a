package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.Arrays;

/**
 * The most similar training rows of each of some test rows, nearest first, found tile by tile. Equal similarities keep the
 * order of the training rows. libtorch's topk leaves open which of several equal values it returns, so it proposes the
 * values, and rows with a tie at their end are looked through here.
 */
final class NearestRows {
    private final int count;
    private final float[] similarities; // (tests, count), descending
    private final int[] neighbors;

    /**
     * @param tests number of test rows
     * @param count neighbors of each; there are as many training rows
     */
    NearestRows(int tests, int count) {
        this.count = count;
        this.similarities = new float[tests * count];
        this.neighbors = new int[tests * count];
        Arrays.fill(similarities, Float.NEGATIVE_INFINITY);
    }

    int count() {
        return count;
    }

    float similarity(int test, int place) {
        return similarities[test * count + place];
    }

    int neighbor(int test, int place) {
        return neighbors[test * count + place];
    }

    /**
     * Takes the similarities of some test rows to a tile of training rows. Tiles come in the order of their rows.
     *
     * @param manager frees what is computed here
     * @param scoresQT (test rows, training rows)
     * @param firstTest test row of the first row
     * @param firstTrain training row of the first column
     */
    void add(NDManager manager, NDArray scoresQT, int firstTest, int firstTrain) {
        int tests = (int) scoresQT.getShape().get(0);
        int tile = (int) scoresQT.getShape().get(1);
        int proposed = Math.min(count + 1, tile); // one more shows a tie at the end
        NDList top = scoresQT.topK(proposed, 1, true, true);
        top.attach(manager);
        float[] values = top.get(0).toFloatArray();
        long[] columns = top.get(1).toLongArray();
        for (int row = 0; row < tests; row++) {
            int at = row * proposed;
            if (proposed > count && values[at + count - 1] == values[at + count]) {
                addAll(manager, scoresQT, row, firstTest + row, firstTrain);
            } else {
                int length = Math.min(count, proposed);
                orderEqual(values, columns, at, at + length);
                for (int i = at; i < at + length; i++) {
                    if (!insert(firstTest + row, values[i], firstTrain + (int) columns[i])) {
                        break; // the rest is not nearer
                    }
                }
            }
        }
    }

    private void addAll(NDManager manager, NDArray scoresQT, int row, int test, int firstTrain) {
        float[] all = TorchOps.rows(manager, scoresQT, row, row + 1).toFloatArray();
        for (int column = 0; column < all.length; column++) {
            insert(test, all[column], firstTrain + column);
        }
    }

    /** Sorts the columns of equal values, which are neighbors already. */
    private static void orderEqual(float[] values, long[] columns, int from, int to) {
        for (int begin = from; begin < to; ) {
            int end = begin + 1;
            while (end < to && values[end] == values[begin]) {
                end++;
            }
            Arrays.sort(columns, begin, end);
            begin = end;
        }
    }

    /** Returns whether the training row is among the nearest; it comes after equally similar ones that are there. */
    private boolean insert(int test, float similarity, int neighbor) {
        int first = test * count;
        int at = first + count - 1;
        if (similarity <= similarities[at]) {
            return false;
        }
        while (at > first && similarities[at - 1] < similarity) {
            similarities[at] = similarities[at - 1];
            neighbors[at] = neighbors[at - 1];
            at--;
        }
        similarities[at] = similarity;
        neighbors[at] = neighbor;
        return true;
    }
}
