package io.swav.checkpoint;

/** A checkpoint folder that cannot be used; the message says what to do. */
@SuppressWarnings("serial")
public final class CheckpointException extends Exception {
    /** What a caller does about it. */
    public enum Kind {
        CannotWrite,
        OtherConfig,
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
