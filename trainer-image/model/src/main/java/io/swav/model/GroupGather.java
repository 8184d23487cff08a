package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/** Gathers what ranks have computed of their groups, in the order of the groups, so that the world is not in the result. */
final class GroupGather {
    private GroupGather() {}

    /**
     * Gathers one block for each group from all ranks; those with fewer groups than others send zeros along.
     *
     * @param runs every rank's groups, in rank order: consecutive ranges
     * @param ownBlocks for each group of this rank, ascending, FLOAT32 arrays that form its block one after another;
     *     blocks of all groups have as many elements
     * @return (groups · elements of a block), attached to {@code manager}
     */
    static NDArray of(NDManager manager, Collective collective, List<GroupRange> runs, List<List<NDArray>> ownBlocks) {
        try (NDManager scope = manager.newSubManager()) {
            List<NDArray> flat = new ArrayList<>();
            for (List<NDArray> block : ownBlocks) {
                for (NDArray part : block) {
                    NDArray values = part.reshape(new Shape(part.size()));
                    values.attach(scope);
                    flat.add(values);
                }
            }
            long block = ownBlocks.get(0).stream().mapToLong(NDArray::size).sum();
            if (runs.size() == 1) {
                return TorchOps.concat(manager, flat, 0);
            }
            long most = runs.stream().mapToLong(GroupRange::count).max().orElseThrow();
            if (ownBlocks.size() < most) {
                flat.add(scope.zeros(new Shape((most - ownBlocks.size()) * block)));
            }
            NDArray all = scope.zeros(new Shape(runs.size() * most * block));
            collective.allGather(TorchOps.concat(scope, flat, 0), all);
            List<NDArray> parts = new ArrayList<>();
            for (int rank = 0; rank < runs.size(); rank++) {
                parts.add(TorchOps.view(
                        scope, all, rank * most * block, runs.get(rank).count() * block));
            }
            return TorchOps.concat(manager, parts, 0);
        }
    }
}
