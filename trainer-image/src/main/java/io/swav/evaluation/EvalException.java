package io.swav.evaluation;

/** An evaluation that cannot be made; the message is for the user. */
@SuppressWarnings("serial")
public final class EvalException extends Exception {
    private final int exitCode;

    EvalException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /** One of {@link io.swav.api.ExitCodes}'s sysexits codes. */
    public int exitCode() {
        return exitCode;
    }
}
