package io.swav.local;

/** Something of the local cluster did not start or work; the message says what, where its log is and what to do. */
@SuppressWarnings("serial")
public final class LocalClusterException extends RuntimeException {
    public LocalClusterException(String message) {
        super(message);
    }

    public LocalClusterException(String message, Throwable cause) {
        super(message, cause);
    }
}
