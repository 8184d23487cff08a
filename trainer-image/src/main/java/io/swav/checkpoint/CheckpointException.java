package io.swav.checkpoint;

/** A store of checkpoints that cannot be used as asked; the message says what to do. */
@SuppressWarnings("serial")
public final class CheckpointException extends Exception {
    /** What a caller does about it. */
    public enum Kind {
        /** Now; it may work later. */
        CannotWrite,
        /** Now; it may work later. */
        CannotRead,
        /** There are checkpoints, and none of them can be resumed: a person decides. */
        NoneUsable,
        /** This writer was left behind by its world. */
        NewerWorld
    }

    private final Kind kind;

    CheckpointException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    CheckpointException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }
}
