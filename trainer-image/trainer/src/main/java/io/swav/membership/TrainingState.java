package io.swav.membership;

import ai.djl.ndarray.NDArray;
import java.util.List;

/** The training state that one process holds, as {@link WorldFormation} needs it. */
public interface TrainingState {
    /** Global steps applied; −1 before {@link #begin} or {@link #received}. */
    long step();

    /** Returns 32 bytes that differ between different states. */
    byte[] digest();

    /** Starts from the newest checkpoint, or from the seeded initial state if none exists; called if no rank holds state. */
    void begin();

    /** Returns the arrays of the whole state, in the same order in every process; they are broadcast in place. */
    List<NDArray> arrays();

    /** Reports that the arrays now hold the state after {@code step} steps. */
    void received(long step);
}
