package io.swav.membership;

/**
 * Members of a world do not train with the same data, configuration or arithmetic, so no step is made in this world. The
 * message names each of them and what differs; it is the same on every rank.
 */
@SuppressWarnings("serial")
public final class DisagreementException extends RuntimeException {
    DisagreementException(String message) {
        super(message);
    }
}
