package io.swav.membership;

import ai.djl.ndarray.NDArray;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.Fingerprints;
import java.util.List;

/** Gives access to the training state that one process holds, as {@link WorldFormation} needs it. */
public interface TrainingState {
    /** Global steps applied; −1 before {@link #begin} or {@link #received}. */
    long step();

    /** Returns 32 bytes that differ between different states. */
    byte[] digest();

    /** Returns what decides the bits of the training that this process does. */
    default Fingerprints fingerprints() {
        return Fingerprints.NONE;
    }

    /** Returns the epochs of the job and what they see, as they are in this state. */
    default Course course() {
        return new Course(EpochSchedule.of(1), DataLedger.of(1, ""));
    }

    /** Replaces the course by that of the state that this process holds from now on. */
    default void follow(Course course) {}

    /** Records that all members of a world hold this state now, at the present step. */
    default void agreed(byte[] digest) {}

    /** Whether all members of a world have held this state, at the present step: in a checkpoint, or when a world formed. */
    default boolean isAgreed(byte[] digest) {
        return false;
    }

    /** Starts from the newest checkpoint, or from the seeded initial state if none exists; called if no rank holds state. */
    void begin();

    /** Returns the arrays of the whole state, in the same order in every process; they are broadcast in place. */
    List<NDArray> arrays();

    /** Reports that the arrays now hold the state after {@code step} steps. */
    void received(long step);
}
