package io.swav.trainer;

import java.util.OptionalLong;

/**
 * Describes what a {@link CheckpointWriter} does and knows. It is immutable, so that a reader sees all of it as of one
 * moment.
 *
 * @param leader whether this trainer is rank 0, which saves
 * @param scanDue whether the store is scanned as soon as the writer is idle
 * @param missedUntil when the newest state is to be saved, because the copy of an earlier one failed, in the time of
 *     {@link System#nanoTime}
 */
public record WriterState(Phase phase, boolean leader, boolean scanDue, OptionalLong missedUntil, StoreStatus store) {
    static final WriterState START =
            new WriterState(Phase.Idle, false, false, OptionalLong.empty(), StoreStatus.UNKNOWN);

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
        return phase == Phase.Copying || phase == Phase.Saving || failing();
    }

    /** Returns whether a save, or the copy for one, has failed and will be tried again. */
    boolean failing() {
        return phase == Phase.Failing || missedUntil.isPresent();
    }

    /** Returns whether the newest state is to be saved now, because an earlier one could not be copied. */
    boolean missed(long now) {
        return phase == Phase.Idle && missedUntil.isPresent() && now - missedUntil.getAsLong() >= 0;
    }

    /** Returns whether a task of the thread has to end the phase. */
    boolean inTask() {
        return phase == Phase.Scanning || phase == Phase.Copying || phase == Phase.Saving;
    }

    /** Returns the state in a world in which this trainer is rank 0 or not. A trainer that becomes rank 0 scans. */
    WriterState leading(boolean now) {
        return now && !leader
                ? new WriterState(phase, true, true, missedUntil, store.unscanned())
                : new WriterState(phase, now, scanDue, missedUntil, store);
    }

    /** Returns the state in another phase. A new copy is of the newest state. */
    WriterState with(Phase next) {
        OptionalLong missed = next == Phase.Copying ? OptionalLong.empty() : missedUntil;
        return new WriterState(next, leader, scanDue && next != Phase.Scanning, missed, store);
    }

    /** Returns the state of an idle writer whose copy failed, and which waits before the next one. */
    WriterState missedUntil(long nanos) {
        return new WriterState(Phase.Idle, leader, scanDue, OptionalLong.of(nanos), store);
    }

    /** Returns the state of a writer whose scan may have failed: saving may begin. */
    WriterState scannedOrNot() {
        return with(store.unlisted());
    }

    WriterState with(StoreStatus next) {
        return new WriterState(phase, leader, scanDue, missedUntil, next);
    }

    /** Returns the state of a writer that begins nothing new. */
    WriterState closing() {
        return new WriterState(phase == Phase.Failing ? Phase.Idle : phase, leader, false, OptionalLong.empty(), store);
    }
}
