package io.swav.model;

import ai.djl.ndarray.NDArray;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/**
 * The groups of a micro-batch on their way through the network in lock step: each layer is computed for one group after
 * the other before the next layer is. So every kernel sees the shapes of one group, whatever the world is, and batch norm
 * can share statistics between groups layer by layer.
 */
final class Lanes implements AutoCloseable {
    /** Computes one group's output from its input. */
    @FunctionalInterface
    interface Layer {
        NDArray apply(Tape tape, NDArray x);
    }

    /** Uses one group's array. */
    @FunctionalInterface
    interface Use {
        void accept(Tape tape, NDArray x);
    }

    final Tape.TapeMode mode;
    final BatchStatistics batchStatistics;
    /**
     * Whether backward runs every residual block again from its input, one block at a time, so that not all of their
     * activations are in memory at once.
     */
    final boolean recompute;

    private final List<Tape> tapes;
    /** Statistics of the current pass: read in EVAL, written otherwise. */
    private Map<String, NDArray> statistics = Map.of();
    /** The beginnings of the blocks that run again. */
    private final Deque<Beginning> beginnings = new ArrayDeque<>();

    /**
     * What a block needs to run again with the same result.
     *
     * @param position of {@link #batchStatistics}
     * @param statistics of its pass
     */
    private record Beginning(int position, Map<String, NDArray> statistics) {}

    /** @param tapes one for each group, all of one mode */
    Lanes(List<Tape> tapes, BatchStatistics batchStatistics, boolean recompute) {
        this.tapes = List.copyOf(tapes);
        this.mode = tapes.get(0).mode;
        this.batchStatistics = batchStatistics;
        this.recompute = recompute && mode == Tape.TapeMode.TRAIN;
    }

    /** Creates the lane of a single group, whose statistics are its own. */
    static Lanes of(Tape tape) {
        return new Lanes(List.of(tape), BatchStatistics.local(), false);
    }

    List<Tape> tapes() {
        return tapes;
    }

    /** Begins a pass whose batch norms use these statistics. */
    void pass(Map<String, NDArray> statisticsOfPass) {
        statistics = statisticsOfPass;
    }

    NDArray statistic(String name) {
        return Tape.of(statistics, name);
    }

    /** Returns what {@code layer} makes of each group's array. */
    List<NDArray> map(List<NDArray> xs, Layer layer) {
        List<NDArray> ys = new ArrayList<>();
        for (int i = 0; i < tapes.size(); i++) {
            ys.add(layer.apply(tapes.get(i), xs.get(i)));
        }
        return ys;
    }

    void forEach(List<NDArray> xs, Use use) {
        for (int i = 0; i < tapes.size(); i++) {
            use.accept(tapes.get(i), xs.get(i));
        }
    }

    /**
     * Runs a block without keeping anything of it but its inputs.
     *
     * @return its outputs, on these tapes
     */
    List<NDArray> forwardSparsely(ResidualBlock block, List<NDArray> xs) {
        beginnings.push(new Beginning(batchStatistics.position(), statistics));
        forEach(xs, Tape::save);
        try (Lanes once = fork(Tape.TapeMode.SCORE, statistics)) {
            List<NDArray> ys = block.forward(once, xs);
            forEach(ys, (tape, y) -> y.attach(tape.manager));
            return ys;
        }
    }

    /** Runs a block again from its inputs, and backward; consumes {@code dys}. */
    List<NDArray> backwardSparsely(ResidualBlock block, List<NDArray> dys) {
        Beginning beginning = beginnings.pop();
        batchStatistics.rewind(beginning.position());
        List<NDArray> inputs = tapes.stream().map(Tape::restore).toList();
        try (Lanes again = fork(Tape.TapeMode.TRAIN, beginning.statistics())) {
            // handles of their own, because backward closes what it restores
            block.forward(again, again.map(inputs, (tape, x) -> tape.share(x)));
            List<NDArray> dxs = block.backward(again, dys);
            forEach(dxs, (tape, dx) -> dx.attach(tape.manager));
            forEach(inputs, Tape::spent);
            return dxs;
        }
    }

    private Lanes fork(Tape.TapeMode as, Map<String, NDArray> statisticsOfPass) {
        Lanes fork = new Lanes(tapes.stream().map(tape -> tape.fork(as)).toList(), batchStatistics, false);
        fork.pass(statisticsOfPass);
        return fork;
    }

    /** Returns roughly how many bytes the tapes hold in memory. */
    long savedBytes() {
        return tapes.stream().mapToLong(Tape::savedBytes).sum();
    }

    @Override
    public void close() {
        tapes.forEach(Tape::close);
    }
}
