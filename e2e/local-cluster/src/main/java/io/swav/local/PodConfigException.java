package io.swav.local;

/** A container cannot be created as its pod specifies, for now; the pod's status will show the message. */
@SuppressWarnings("serial")
final class PodConfigException extends RuntimeException {
    PodConfigException(String message) {
        super(message);
    }
}
