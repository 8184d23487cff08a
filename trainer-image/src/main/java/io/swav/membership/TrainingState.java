package io.swav.membership;

import ai.djl.ndarray.NDArray;
import java.util.List;

/** The training state that one process holds, as forming sees it. */
public interface TrainingState {
    /** Global steps applied; −1 before {@link #begin} or {@link #received}. */
    long step();

    /** 32 bytes that tell two states apart. */
    byte[] digest();

    /** Nobody holds state: take the newest checkpoint, or the seeded start where there is none. */
    void begin();

    /** All state, in an order that is the same in every process; broadcast in place. */
    List<NDArray> arrays();

    /** The arrays now hold the state after {@code step} steps. */
    void received(long step);
}
