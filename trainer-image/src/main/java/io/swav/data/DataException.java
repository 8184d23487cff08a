package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.ResourceNames;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** The data cannot be used as it is; the message names the file or field and says what to do. */
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

    /** Nothing there, or not readable by this user. */
    public static DataException noInput(String message) {
        return new DataException(ExitCodes.NO_INPUT, message);
    }

    public static DataException noInput(String message, Throwable cause) {
        return new DataException(ExitCodes.NO_INPUT, message + ": " + cause, cause);
    }

    /** There, but not to be had now: another try, perhaps on another machine, may read it. */
    public static DataException cannotRead(String message, Throwable cause) {
        return new DataException(ExitCodes.SOFTWARE, message + ": " + cause, cause);
    }

    /** What its user has to mend is told from what a file server, for instance, does for a while. */
    static DataException cannotOpen(Path path, Exception e) {
        Throwable why = e instanceof UncheckedIOException ? Objects.requireNonNull(e.getCause()) : e;
        String message = path + " cannot be read";
        return why instanceof NoSuchFileException || why instanceof AccessDeniedException
                ? noInput(message, why)
                : cannotRead(message, why);
    }

    /** There, but damaged, too small or not what it should be. */
    public static DataException badData(String message) {
        return new DataException(ExitCodes.BAD_DATA, message);
    }

    public static DataException badData(String message, Throwable cause) {
        return new DataException(ExitCodes.BAD_DATA, message + ": " + cause, cause);
    }

    public static DataException cannotWrite(String message, Throwable cause) {
        return new DataException(ExitCodes.CANNOT_WRITE, message + ": " + cause, cause);
    }

    /** One of {@link ResourceNames}'s sysexits codes. */
    public int exitCode() {
        return exitCode;
    }
}
