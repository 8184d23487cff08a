package io.swav.checkpoint;

import io.swav.api.Shown;
import java.io.IOException;
import java.nio.file.FileSystemException;

/** Reports that a checkpoint store cannot be used as asked; the message says what to do. */
@SuppressWarnings("serial")
public final class CheckpointException extends Exception {
    /** The kind of failure, which decides what the caller does. */
    public enum Kind {
        /** The store cannot be written now; it may work later. */
        CannotWrite,
        /** The store cannot be read now; it may work later. */
        CannotRead,
        /** The store holds checkpoints, and none can be resumed: a person must decide. */
        NoneUsable,
        /** The state holds values that are not finite: saving it again would fail again. */
        NotFinite,
        /** A later world has saved: this writer's world has been replaced. */
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

    /** Describes an I/O error, even if the JDK's own message is only a file name. */
    static String describe(IOException e) {
        return Shown.plain(words(e)); // others may have named the file
    }

    private static String words(IOException e) {
        if (e instanceof FileSystemException file && file.getReason() != null) {
            return file.getReason() + " (" + file.getFile() + ")";
        }
        return e.getClass() == IOException.class
                ? String.valueOf(e.getMessage())
                : e.getClass().getSimpleName() + ": " + e.getMessage();
    }
}
