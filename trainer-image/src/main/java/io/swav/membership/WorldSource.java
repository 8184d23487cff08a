package io.swav.membership;

import io.swav.api.World;

/** Where the world document comes from. It may fail to update for any time; the newest world seen stays. */
public interface WorldSource extends AutoCloseable {
    /** The newest world read so far, generation 0 before the first. Never blocks. */
    World newest();

    /** Waits until a generation later than {@code than} is seen, or {@code millis} have passed. */
    void awaitLater(long than, long millis);

    /** The newest request for a checkpoint, empty for none; each new value asks for one. */
    default String checkpointRequest() {
        return "";
    }

    /** Where the operator was told of checkpoints of this job, empty for nowhere. */
    default String checkpointsSeen() {
        return "";
    }

    @Override
    void close();
}
