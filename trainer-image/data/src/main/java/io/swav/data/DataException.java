package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** The data cannot be used as it is. The message names the file or field and says what to do. */
@SuppressWarnings("serial")
public final class DataException extends TrainerExitException {
    private DataException(int exitCode, String message, Throwable cause) {
        super(exitCode, message, cause);
    }

    private DataException(int exitCode, String message) {
        super(exitCode, message);
    }

    /** The data is missing, or this user may not read it. */
    public static DataException noInput(String message) {
        return new DataException(ExitCodes.NO_INPUT, message);
    }

    public static DataException noInput(String message, Throwable cause) {
        return new DataException(ExitCodes.NO_INPUT, message + ": " + cause, cause);
    }

    /** The data exists but cannot be read now. A retry, perhaps on another machine, may succeed. */
    public static DataException cannotRead(String message, Throwable cause) {
        return new DataException(ExitCodes.SOFTWARE, message + ": " + cause, cause);
    }

    /** What was read cannot be kept on this machine, and has to be. A retry on another machine may succeed. */
    static DataException cannotKeep(String message) {
        return new DataException(ExitCodes.SOFTWARE, message);
    }

    /**
     * Separates a fault that a user must correct (a missing file, missing permission) from one that may pass, such as
     * an error of a file server.
     */
    static DataException cannotOpen(Path path, Exception e) {
        return cannotOpen(path.toString(), e);
    }

    static DataException cannotOpen(String place, Exception e) {
        Throwable why = e instanceof UncheckedIOException ? Objects.requireNonNull(e.getCause()) : e;
        if (why instanceof ChangedFileException changed) {
            return changed(changed);
        }
        String message = place + " cannot be read";
        return why instanceof NoSuchFileException || why instanceof AccessDeniedException
                ? noInput(message, why)
                : cannotRead(message, why);
    }

    /**
     * A file is not the one that was indexed. A process that starts again makes another index, and goes on if the names and
     * sizes in it are those of the job.
     */
    static DataException changed(ChangedFileException e) {
        return new DataException(
                ExitCodes.SOFTWARE,
                e.getMessage()
                        + "; training on it would not be the same on every trainer. If this was not meant, put the"
                        + " earlier file back; a trainer that starts again indexes the data anew, and is kept out of the"
                        + " job if its names or sizes are others",
                e);
    }

    /** The data exists but is damaged, too small or of another kind than expected. */
    public static DataException badData(String message) {
        return new DataException(ExitCodes.BAD_DATA, message);
    }

    public static DataException badData(String message, Throwable cause) {
        return new DataException(ExitCodes.BAD_DATA, message + ": " + cause, cause);
    }

    public static DataException cannotWrite(String message, Throwable cause) {
        return new DataException(ExitCodes.CANNOT_WRITE, message + ": " + cause, cause);
    }
}
