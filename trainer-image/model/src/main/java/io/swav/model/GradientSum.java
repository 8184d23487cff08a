package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.TreeSum;
import io.swav.torch.TorchOps;
import java.util.List;

/** A sum over all groups of all ranks; this rank adds its own groups in ascending order. */
public final class GradientSum {
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

    /** Creates a sum in one order for every world, with one array for each group: the same bits at every world size. */
    public static GradientSum inOneOrder(int groups, GroupRange run) {
        return new GradientSum(new TreeSum.Accumulator(groups, run), true, 0, run.from());
    }

    /**
     * Creates a sum over ranks in the collective's own order. A rank's {@code parts} arrays are added in pairs, which
     * rounds least.
     *
     * @param rounded elements before this one travel as bfloat16; 0 for none
     */
    static GradientSum acrossRanks(int parts, long rounded) {
        return new GradientSum(new TreeSum.Accumulator(parts, new GroupRange(0, parts)), false, rounded, 0);
    }

    /** Adds {@code flat}, and takes ownership of it. */
    public void add(NDArray flat) {
        own.add(next++, flat);
    }

    /** Returns the total over all ranks in one order, in one of the arrays given. */
    public NDArray total(Collective collective, GroupRange[] runs) {
        return own.reduce(collective, runs);
    }

    /** Adds the last of this rank's arrays before their values are complete: they are summed one span at a time. */
    OpenSum last(List<NDArray> flats, GroupRange[] runs) {
        return new OpenSum(own.last(flats), oneOrder, rounded, runs);
    }

    static final class OpenSum {
        private final TreeSum.StreamingAccumulator own;
        private final boolean oneOrder;
        private final long rounded;
        private final GroupRange[] runs;

        private OpenSum(TreeSum.StreamingAccumulator own, boolean oneOrder, long rounded, GroupRange[] runs) {
            this.own = own;
            this.oneOrder = oneOrder;
            this.rounded = rounded;
            this.runs = runs.clone();
        }

        /** Sums elements [from, to), which are complete, over all ranks. */
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

        /** Returns the total after the last span, in one of the arrays given. */
        NDArray total() {
            own.close();
            return own.result();
        }
    }
}
