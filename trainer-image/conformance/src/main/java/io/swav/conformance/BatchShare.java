package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.TreeSum;
import io.swav.model.Sinkhorn;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/**
 * A batch of {@code rows} that is cut into {@code groups} and distributed over the ranks of {@code world}, as in a job.
 */
record BatchShare(Collective world, int rows, int groups) {
    private static final int MAX_GROUPS = 8;

    /** A batch of as many groups as divide it, up to 8, or of single rows if these are too few for the ranks. */
    static BatchShare of(Collective world, int rows) {
        int groups = MAX_GROUPS;
        while (rows % groups != 0) {
            groups /= 2;
        }
        return new BatchShare(world, rows, groups < world.size() ? rows : groups);
    }

    int group() {
        return rows / groups;
    }

    GroupRange run() {
        return GroupRange.of(groups, world.rank(), world.size());
    }

    GroupRange[] runs() {
        GroupRange[] runs = new GroupRange[world.size()];
        for (int rank = 0; rank < runs.length; rank++) {
            runs[rank] = GroupRange.of(groups, rank, runs.length);
        }
        return runs;
    }

    /** Returns this rank's groups of a (rows, K) array. */
    List<NDArray> split(NDManager manager, NDArray all) {
        List<NDArray> parts = new ArrayList<>();
        for (int group = run().from(); group < run().to(); group++) {
            parts.add(TorchOps.rows(manager, all, (long) group * group(), (group + 1L) * group()));
        }
        return parts;
    }

    /** Joins every rank's groups again: (rows, K), row by row. */
    float[] join(NDManager manager, List<NDArray> parts) {
        long columns = parts.get(0).getShape().get(1);
        NDArray all = manager.zeros(new Shape(rows, columns));
        for (int i = 0; i < parts.size(); i++) {
            long from = (run().from() + (long) i) * group();
            TorchOps.copy(parts.get(i), TorchOps.rows(manager, all, from, from + group()));
        }
        world.allReduceSum(all);
        return all.toFloatArray();
    }

    Sinkhorn.Reduction reduction() {
        return new Sinkhorn.Reduction() {
            @Override
            public void max(NDArray valuesAK) {
                valuesAK.muli(-1);
                world.allReduceMin(valuesAK);
                valuesAK.muli(-1);
            }

            @Override
            public NDArray sum(List<NDArray> perGroupAK) {
                TreeSum.Accumulator local = new TreeSum.Accumulator(groups, run());
                for (int i = 0; i < perGroupAK.size(); i++) {
                    local.add(run().from() + i, perGroupAK.get(i));
                }
                return local.reduce(world, runs());
            }
        };
    }
}
