package io.swav.conformance;

/** A fixture that cannot be used: it is damaged, or lacks an array or a field. The message names the file. */
@SuppressWarnings("serial")
public final class GoldenException extends RuntimeException {
    GoldenException(String message) {
        super(message);
    }

    GoldenException(String message, Throwable cause) {
        super(message, cause);
    }
}
