package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective;
import io.swav.collective.SoloCollective;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Tracks whether the training thread, or its device, is waiting for peers. A trainer that is silent and waits is not
 * hung.
 */
final class PeerWaitTracker {
    private volatile OptionalLong backSince = OptionalLong.of(System.nanoTime());
    /** When the device was last seen waiting. */
    private volatile long seen = System.nanoTime();

    private volatile Collective current = new SoloCollective();

    /**
     * Returns when the thread last returned from its peers, in {@link System#nanoTime}; empty while it or its device
     * waits for them.
     */
    OptionalLong backSince() {
        if (current.isWaitingForPeers().orElse(false)) {
            seen = System.nanoTime();
            return OptionalLong.empty();
        }
        OptionalLong back = backSince;
        return back.isPresent() ? OptionalLong.of(Math.max(back.getAsLong(), seen)) : back;
    }

    <T> T during(Supplier<T> work) {
        backSince = OptionalLong.empty();
        try {
            return work.get();
        } finally {
            backSince = OptionalLong.of(System.nanoTime());
        }
    }

    /** Wraps a collective so that each of its operations counts as waiting, until another one is wrapped. */
    Collective around(Collective collective) {
        current = collective;
        return new Watched(collective);
    }

    private final class Watched implements Collective {
        private final Collective inner;

        Watched(Collective inner) {
            this.inner = inner;
        }

        private void run(Runnable work) {
            during(() -> {
                work.run();
                return inner;
            });
        }

        @Override
        public int rank() {
            return inner.rank();
        }

        @Override
        public int size() {
            return inner.size();
        }

        @Override
        public String name() {
            return inner.name();
        }

        @Override
        public void allReduceSum(NDArray inOut) {
            run(() -> inner.allReduceSum(inOut));
        }

        @Override
        public void allReduceRoundedSum(NDArray inOut) {
            run(() -> inner.allReduceRoundedSum(inOut));
        }

        @Override
        public void allReduceMin(NDArray inOut) {
            run(() -> inner.allReduceMin(inOut));
        }

        @Override
        public void broadcast(NDArray inOut, int root) {
            run(() -> inner.broadcast(inOut, root));
        }

        @Override
        public void allGather(NDArray mine, NDArray all) {
            run(() -> inner.allGather(mine, all));
        }

        @Override
        public void exchange(List<Transfer> sends, List<Transfer> receives) {
            run(() -> inner.exchange(sends, receives));
        }

        /**
         * Does not count as waiting: the device may have work of its own to finish first, and {@link
         * #isWaitingForPeers} tells the difference.
         */
        @Override
        public void synchronize() {
            inner.synchronize();
        }

        @Override
        public Optional<Boolean> isWaitingForPeers() {
            return inner.isWaitingForPeers();
        }

        @Override
        public Collective subgroup(int[] ranks) {
            return new Watched(inner.subgroup(ranks));
        }

        /** Not wrapped, because the duplicate is for another thread, whose waiting is not the training thread's. */
        @Override
        public Collective duplicate() {
            return inner.duplicate();
        }

        @Override
        public void await(CompletableFuture<?> work) {
            if (isWaitingForPeers().isPresent()) {
                inner.await(work);
            } else {
                run(() -> inner.await(work));
            }
        }

        @Override
        public void abort() {
            inner.abort();
        }

        @Override
        public void close() {
            inner.close();
        }
    }
}
