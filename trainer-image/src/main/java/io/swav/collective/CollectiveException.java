package io.swav.collective;

import java.util.OptionalInt;

/** A collective did not complete: a peer was lost, answered nonsense, or the operation was aborted. */
@SuppressWarnings("serial")
public final class CollectiveException extends RuntimeException {
    private static final int NOBODY = -1;

    private final int lostRank;

    public CollectiveException(String message) {
        super(message);
        this.lostRank = NOBODY;
    }

    public CollectiveException(String message, Throwable cause) {
        super(message, cause);
        this.lostRank = cause instanceof LostPeerException lost
                ? lost.rank()
                : cause instanceof CollectiveException first ? first.lostRank : NOBODY;
    }

    /** The rank whose connection failed, where one did: it may itself only have given up on another. */
    public OptionalInt lostRank() {
        return lostRank == NOBODY ? OptionalInt.empty() : OptionalInt.of(lostRank);
    }
}
