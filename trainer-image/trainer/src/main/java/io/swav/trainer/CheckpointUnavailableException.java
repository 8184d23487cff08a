package io.swav.trainer;

/**
 * Reports that the store cannot be resumed from, or a state that must be saved is not saved. The trainer keeps its
 * state and tries again.
 */
@SuppressWarnings("serial")
final class CheckpointUnavailableException extends RuntimeException {
    CheckpointUnavailableException(String message) {
        super(message);
    }

    CheckpointUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
