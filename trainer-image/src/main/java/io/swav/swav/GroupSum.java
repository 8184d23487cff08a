package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.collective.TreeSum;
import io.swav.tensor.Kernels;

/** A sum over all groups of all ranks, of which this rank adds its own in ascending order. */
final class GroupSum {
    private final TreeSum.Local own;
    private final boolean oneOrder;
    private int next;

    private GroupSum(TreeSum.Local own, boolean oneOrder, int next) {
        this.own = own;
        this.oneOrder = oneOrder;
        this.next = next;
    }

    /** One order for every world, one array a group: the same bits everywhere. */
    static GroupSum inOneOrder(int groups, Run run) {
        return new GroupSum(new TreeSum.Local(groups, run), true, run.from());
    }

    /** Ranks in the collective's own order; a rank's {@code parts} arrays in pairs, which rounds least. */
    static GroupSum acrossRanks(int parts) {
        return new GroupSum(new TreeSum.Local(parts, new Run(0, parts)), false, 0);
    }

    /** Takes over {@code flat}. */
    void add(NDArray flat) {
        own.add(next++, flat);
    }

    /** The total over all ranks in one order, in one of the arrays given. */
    NDArray total(Collective collective, Run[] runs) {
        return own.reduce(collective, runs);
    }

    /** The last of this rank's arrays, taken over before its values are there: the sum is made a span at a time. */
    Open last(NDArray flat, Run[] runs) {
        return new Open(own.last(flat), oneOrder, runs);
    }

    static final class Open {
        private final TreeSum.Open own;
        private final boolean oneOrder;
        private final Run[] runs;

        private Open(TreeSum.Open own, boolean oneOrder, Run[] runs) {
            this.own = own;
            this.oneOrder = oneOrder;
            this.runs = runs.clone();
        }

        /** Sums elements [from, to), which are there, over all ranks. */
        void reduce(Collective collective, long from, long to) {
            own.add(from, to);
            if (oneOrder) {
                own.reduce(collective, runs, from, to);
            } else {
                try (NDManager scope = own.result().getManager().newSubManager()) {
                    collective.allReduceSum(Kernels.rows(scope, own.result(), from, to));
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
