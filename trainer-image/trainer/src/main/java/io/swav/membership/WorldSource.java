package io.swav.membership;

import io.swav.api.ReportRules;
import io.swav.api.World;
import java.util.List;
import java.util.Optional;

/**
 * The source of the world document. Updates may be delayed for any length of time; the newest world seen stays valid.
 */
public interface WorldSource extends AutoCloseable {
    /** Returns the newest world read so far, generation 0 before the first. Never blocks. */
    World newest();

    /** Waits until a generation later than {@code than} is seen, or {@code millis} have passed. */
    void awaitLater(long than, long millis);

    /** Returns why the present document is not followed; empty if it is, or if there is none. */
    default Optional<String> problem() {
        return Optional.empty();
    }

    /**
     * Refuses worlds of more members from now on: a member without a group of samples would have nothing to do.
     *
     * @param members the job's number of groups
     */
    default void limit(int members) {}

    /** Returns the newest request for a checkpoint, empty for none. Each new value requests one checkpoint. */
    default String checkpointRequest() {
        return "";
    }

    /** Returns the URI of the store in which the operator has seen verified checkpoints of this job, empty for none. */
    default String checkpointsSeen() {
        return "";
    }

    /** Returns the trainers that wait to enter the world, and that its members call beforehand. */
    default List<World.Member> newcomers() {
        return List.of();
    }

    /** Returns what trainers may leave out of their reports; empty if they must report everything. */
    default Optional<ReportRules> reportRules() {
        return Optional.empty();
    }

    @Override
    void close();
}
