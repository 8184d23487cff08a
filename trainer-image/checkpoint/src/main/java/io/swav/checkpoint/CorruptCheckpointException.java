package io.swav.checkpoint;

import java.io.IOException;

/** Reports files that can be read but are not what was written, as opposed to a store that cannot be reached now. */
@SuppressWarnings("serial")
final class CorruptCheckpointException extends IOException {
    CorruptCheckpointException(String message) {
        super(message);
    }
}
