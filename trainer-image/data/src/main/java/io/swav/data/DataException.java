package io.swav.data;

import io.swav.api.ExitCodes;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** The data cannot be used as it is. The message names the file or field and says what to do. */
@SuppressWarnings("serial")
public final class DataException extends RuntimeException {
    private final int exitCode;

    private DataException(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    private DataException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
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

    /**
     * Separates a fault that a user must correct (a missing file, missing permission) from one that may pass, such as
     * an error of a file server.
     */
    static DataException cannotOpen(Path path, Exception e) {
        Throwable why = e instanceof UncheckedIOException ? Objects.requireNonNull(e.getCause()) : e;
        String message = path + " cannot be read";
        return why instanceof NoSuchFileException || why instanceof AccessDeniedException
                ? noInput(message, why)
                : cannotRead(message, why);
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

    /** The exit code of the process, one of the sysexits codes in {@link ExitCodes}. */
    public int exitCode() {
        return exitCode;
    }
}
