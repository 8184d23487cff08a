package io.swav.trainer;

/** All ranks agreed that state is dropped, on some of them or on all, and shared again in the same world. */
@SuppressWarnings("serial")
final class StateDroppedException extends RuntimeException {
    StateDroppedException(String message) {
        super(message);
    }
}
