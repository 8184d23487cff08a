package io.swav.collective;

import java.util.OptionalInt;

/** A collective did not complete: a peer was lost or sent invalid data, or the operation was aborted. */
@SuppressWarnings("serial")
public final class CollectiveException extends RuntimeException {
    private static final int NO_RANK = -1;

    private final int lostRank;

    public CollectiveException(String message) {
        super(message);
        this.lostRank = NO_RANK;
    }

    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
        this.lostRank = cause instanceof LostPeerException lost
                ? lost.rank()
                : cause instanceof CollectiveException first ? first.lostRank : NO_RANK;
    }

    /**
     * The rank whose connection failed, if one did. That rank is not necessarily the cause: it may have closed its
     * connections because it lost another rank.
     */
    public OptionalInt lostRank() {
        return lostRank == NO_RANK ? OptionalInt.empty() : OptionalInt.of(lostRank);
    }
}
