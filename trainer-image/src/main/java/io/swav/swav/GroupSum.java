package io.swav.swav;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.collective.TreeSum;

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

    /** The total over all ranks, in one of the arrays given. */
    NDArray total(Collective collective, Run[] runs) {
        if (oneOrder) {
            return own.reduce(collective, runs);
        }
        NDArray total = own.own();
        collective.allReduceSum(total);
        return total;
    }
}
