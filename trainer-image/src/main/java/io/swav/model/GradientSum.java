package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.TreeSum;
import io.swav.torch.TorchOps;

/** A sum over all groups of all ranks, of which this rank adds its own in ascending order. */
final class GradientSum {
    private final TreeSum.Accumulator own;
    private final boolean oneOrder;
    /** Elements before this one may travel as bfloat16. */
    private final long rounded;

    private int next;

    private GradientSum(TreeSum.Accumulator own, boolean oneOrder, long rounded, int next) {
        this.own = own;
        this.oneOrder = oneOrder;
        this.rounded = rounded;
        this.next = next;
    }

    /** One order for every world, one array a group: the same bits everywhere. */
    static GradientSum inOneOrder(int groups, GroupRange run) {
        return new GradientSum(new TreeSum.Accumulator(groups, run), true, 0, run.from());
    }

    /**
     * Ranks in the collective's own order; a rank's {@code parts} arrays in pairs, which rounds least.
     *
     * @param rounded elements before this one travel as bfloat16; 0 for none
     */
    static GradientSum acrossRanks(int parts, long rounded) {
        return new GradientSum(new TreeSum.Accumulator(parts, new GroupRange(0, parts)), false, rounded, 0);
    }

    /** Takes over {@code flat}. */
    void add(NDArray flat) {
        own.add(next++, flat);
    }

    /** The total over all ranks in one order, in one of the arrays given. */
    NDArray total(Collective collective, GroupRange[] runs) {
        return own.reduce(collective, runs);
    }

    /** The last of this rank's arrays, taken over before its values are there: the sum is made a span at a time. */
    Open last(NDArray flat, GroupRange[] runs) {
        return new Open(own.last(flat), oneOrder, rounded, runs);
    }

    static final class Open {
        private final TreeSum.StreamingAccumulator own;
        private final boolean oneOrder;
        private final long rounded;
        private final GroupRange[] runs;

        private Open(TreeSum.StreamingAccumulator own, boolean oneOrder, long rounded, GroupRange[] runs) {
            this.own = own;
            this.oneOrder = oneOrder;
            this.rounded = rounded;
            this.runs = runs.clone();
        }

        /** Sums elements [from, to), which are there, over all ranks. */
        void reduce(Collective collective, long from, long to) {
            own.add(from, to);
            if (oneOrder) {
                own.reduce(collective, runs, from, to);
                return;
            }
            long middle = Math.max(from, Math.min(to, rounded));
            try (NDManager scope = own.result().getManager().newSubManager()) {
                if (middle > from) {
                    collective.allReduceRoundedSum(TorchOps.rows(scope, own.result(), from, middle));
                }
                if (to > middle) {
                    collective.allReduceSum(TorchOps.rows(scope, own.result(), middle, to));
                }
            }
        }

        /** After the last span: the total, in one of the arrays given. */
        NDArray total() {
            own.close();
            return own.result();
        }
    }
}
