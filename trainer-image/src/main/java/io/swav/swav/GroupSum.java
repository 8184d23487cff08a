package io.swav.swav;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.collective.TreeSum;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A sum over the groups of all ranks: in one fixed order (Bitwise), or in whatever order is fastest (Fast). */
final class GroupSum {
    private final Optional<TreeSum.Local> tree;
    private @Nullable NDArray sum;

    GroupSum(boolean bitwise, int groups, Run run) {
        this.tree = bitwise ? Optional.of(new TreeSum.Local(groups, run)) : Optional.empty();
    }

    /** Takes over {@code flat}, the part of the groups from {@code group} on; ascending. */
    void add(int group, NDArray flat) {
        if (tree.isPresent()) {
            tree.get().add(group, flat);
        } else if (sum == null) {
            sum = flat;
        } else {
            sum.addi(flat);
            flat.close();
        }
    }

    /** The total over all ranks, in one of the arrays given. */
    NDArray total(Collective collective, Run[] runs) {
        if (tree.isPresent()) {
            return tree.get().reduce(collective, runs);
        }
        NDArray total = sum;
        if (total == null) {
            throw new IllegalStateException("no group was added");
        }
        collective.allReduceSum(total);
        return total;
    }
}
