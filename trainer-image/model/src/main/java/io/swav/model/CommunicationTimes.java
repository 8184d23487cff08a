package io.swav.model;

import io.swav.collective.CommunicationThread.Piece;
import java.util.List;

/**
 * The times that summing a step's gradients over ranks took.
 *
 * @param sums when each sum was in progress, including waiting for peers
 * @param exposed when only summing was in progress: from the end of backward until the last sum arrived
 */
public record CommunicationTimes(List<Piece> sums, Piece exposed) {
    static final CommunicationTimes NONE = new CommunicationTimes(List.of(), new Piece(0, 0));

    public long nanos() {
        return sums.stream().mapToLong(sum -> sum.to() - sum.from()).sum();
    }

    public long exposedNanos() {
        return exposed.to() - exposed.from();
    }
}
