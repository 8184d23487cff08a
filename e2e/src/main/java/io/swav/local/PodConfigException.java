package io.swav.local;

/** A container cannot be made as its pod says, for now; the message is what the pod's status will show. */
@SuppressWarnings("serial")
final class PodConfigException extends RuntimeException {
    PodConfigException(String message) {
        super(message);
    }
}
