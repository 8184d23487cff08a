package io.swav.trainer;

/**
 * Describes what a {@link CheckpointWriter} does and knows. It is immutable, so that a reader sees all of it as of one
 * moment.
 *
 * @param leader whether this trainer is rank 0, which saves
 * @param scanDue whether the store is scanned as soon as the writer is idle
 */
public record WriterState(Phase phase, boolean leader, boolean scanDue, StoreStatus store) {
    static final WriterState START = new WriterState(Phase.Idle, false, false, StoreStatus.UNKNOWN);

    /** Says what the writer's thread does. */
    public enum Phase {
        Idle,
        Scanning,
        /** The arrays are being read, and must not change. */
        Copying,
        Saving,
        /** A save has failed and will be tried again, unless a newer state takes its place. */
        Failing
    }

    /** Returns whether a state can be saved now, without waiting for the store. */
    boolean accepts() {
        return phase == Phase.Idle || phase == Phase.Failing;
    }

    /** Returns whether {@link #accepts} and the store has been scanned. */
    public boolean free() {
        return store.committed() >= 0 && accepts();
    }

    /** Returns whether a save has begun and has neither succeeded nor been given up. */
    boolean saving() {
        return phase == Phase.Copying || phase == Phase.Saving || phase == Phase.Failing;
    }

    /** Returns the state in a world in which this trainer is rank 0 or not. A trainer that becomes rank 0 scans. */
    WriterState leading(boolean now) {
        return now && !leader
                ? new WriterState(phase, true, true, store.unscanned())
                : new WriterState(phase, now, scanDue, store);
    }

    WriterState with(Phase next) {
        return new WriterState(next, leader, scanDue && next != Phase.Scanning, store);
    }

    WriterState with(StoreStatus next) {
        return new WriterState(phase, leader, scanDue, next);
    }

    /** Returns the state of a writer that begins nothing new. */
    WriterState closing() {
        return new WriterState(phase == Phase.Failing ? Phase.Idle : phase, leader, false, store);
    }
}
