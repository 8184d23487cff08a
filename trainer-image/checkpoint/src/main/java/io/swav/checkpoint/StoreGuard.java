package io.swav.checkpoint;

import java.io.IOException;
import java.util.Optional;

/**
 * Lets a catalog write only while the store belongs to its training.
 *
 * @param lease of the store; empty if no training can have claimed it
 * @param training identity of the writer
 */
record StoreGuard(Optional<StoreLease> lease, String training) {
    static StoreGuard of(StoreLease lease) {
        return new StoreGuard(Optional.of(lease), lease.training().id());
    }

    static StoreGuard unguarded(String training) {
        return new StoreGuard(Optional.empty(), training);
    }

    /** Returns whether all other writers are dead as soon as {@link #require} has returned. */
    boolean owns() {
        return lease.isPresent();
    }

    /**
     * Requires that the store belongs to this training.
     *
     * @throws IOException saying whose it is
     */
    void require() throws IOException {
        if (lease.isPresent()) {
            lease.get().require();
        }
    }

    DraftWriter writer(long generation) {
        return new DraftWriter(training, generation);
    }
}
