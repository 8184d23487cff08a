package io.swav.trainer;

/** Ends this trainer with an exit code of {@link io.swav.api.ExitCodes}; the message is for the user. */
@SuppressWarnings("serial")
public final class TrainerExitException extends RuntimeException {
    private final int exitCode;

    public TrainerExitException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    public TrainerExitException(int exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    public int exitCode() {
        return exitCode;
    }
}
