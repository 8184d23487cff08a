package io.swav.api;

/**
 * Ends a trainer or one of its commands with an exit code of {@link ExitCodes}; the message is for the user. It is the
 * base of all exceptions with an exit code of their own.
 */
@SuppressWarnings("serial")
public class TrainerExitException extends RuntimeException {
    private final int exitCode;

    public TrainerExitException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    public TrainerExitException(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    public final int exitCode() {
        return exitCode;
    }
}
