package io.swav.evaluation;

/** An evaluation that cannot be carried out; the message is for the user. */
@SuppressWarnings("serial")
public final class EvalException extends Exception {
    private final int exitCode;

    EvalException(int exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /** The exit code of the process, one of the sysexits codes in {@link io.swav.api.ExitCodes}. */
    public int exitCode() {
        return exitCode;
    }
}
