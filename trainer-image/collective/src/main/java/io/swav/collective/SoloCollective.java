package io.swav.collective;

import ai.djl.ndarray.NDArray;
import io.swav.torch.TorchOps;
import java.util.List;

/** The world of one rank: every operation is the identity. */
public final class SoloCollective implements Collective {
    private volatile boolean aborted;

    @Override
    public int rank() {
        return 0;
    }

    @Override
    public int size() {
        return 1;
    }

    @Override
    public String name() {
        return "none";
    }

    @Override
    public void allReduceSum(NDArray inOut) {
        check();
    }

    @Override
    public void allReduceRoundedSum(NDArray inOut) {
        check();
    }

    @Override
    public void allReduceMin(NDArray inOut) {
        check();
    }

    @Override
    public void broadcast(NDArray inOut, int root) {
        check();
        RankChecks.check(root, 1);
    }

    @Override
    public void allGather(NDArray mine, NDArray all) {
        check();
        try (NDArray place = all.reshape(mine.getShape())) {
            TorchOps.copy(mine, place); // the two arrays may be on different devices
        }
    }

    @Override
    public void exchange(List<Transfer> sends, List<Transfer> receives) {
        check();
        if (!sends.isEmpty() || !receives.isEmpty()) {
            throw new IllegalArgumentException("a world of one rank has no peer to exchange with");
        }
    }

    @Override
    public Collective subgroup(int[] ranks) {
        RankChecks.subgroup(ranks, 0, 1);
        return this;
    }

    @Override
    public Collective duplicate() {
        return this;
    }

    @Override
    public void abort() {
        aborted = true;
    }

    @Override
    public void close() {}

    private void check() {
        if (aborted) {
            throw new CollectiveException("aborted");
        }
    }
}
