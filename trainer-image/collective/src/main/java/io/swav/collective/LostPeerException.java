package io.swav.collective;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The connection to one rank is no longer usable. Callers receive this as a {@link CollectiveException}. */
@SuppressWarnings("serial")
final class LostPeerException extends IOException {
    private final int rank;

    LostPeerException(int rank, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.rank = rank;
    }

    int rank() {
        return rank;
    }
}
