package io.swav.checkpoint;

import java.util.Optional;
import java.util.UUID;

/**
 * Identifies a training, which may be many processes one after another or at once. A store belongs to one training at a
 * time, see {@link StoreLease}.
 *
 * @param id the same for all processes of the training, and for no other training
 * @param name for people; a training of the same name is the next attempt of the same work
 * @param process the only process of the training, if it has one and its end is the training's end
 */
public record Training(String id, String name, Optional<LocalProcess> process) {
    /** Returns the training of a SwavJob. */
    public static Training ofJob(String uid, String namespace, String job) {
        return new Training("job " + uid, "SwavJob " + namespace + "/" + job, Optional.empty());
    }

    /** Returns the training of the processes that follow one world file. */
    public static Training ofWorld(String file) {
        return new Training("world " + file, "the trainers of " + file, Optional.empty());
    }

    /** Returns a training that this process alone does. */
    public static Training ofThisProcess(String command) {
        return new Training(
                "process " + UUID.randomUUID(),
                command + " (process " + ProcessHandle.current().pid() + ")",
                LocalProcess.current());
    }
}
