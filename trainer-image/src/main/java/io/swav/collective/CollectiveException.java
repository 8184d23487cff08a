package io.swav.collective;

/** A collective did not complete: a peer was lost, answered nonsense, or the operation was aborted. */
@SuppressWarnings("serial")
public final class CollectiveException extends RuntimeException {
    public CollectiveException(String message) {
        super(message);
    }

    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
    }
}
