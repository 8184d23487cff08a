package io.swav.local;

/** A part of the local cluster did not start or work; the message names it and its log, and suggests what to do. */
@SuppressWarnings("serial")
public final class LocalClusterException extends RuntimeException {
    public LocalClusterException(String message) {
        super(message);
    }

    public LocalClusterException(String message, Throwable cause) {
        super(message, cause);
    }
}
