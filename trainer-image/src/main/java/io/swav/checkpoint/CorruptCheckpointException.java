package io.swav.checkpoint;

import java.io.IOException;

/** Files that can be read and are not what was written, as opposed to a store that cannot be reached now. */
@SuppressWarnings("serial")
final class CorruptCheckpointException extends IOException {
    CorruptCheckpointException(String message) {
        super(message);
    }
}
