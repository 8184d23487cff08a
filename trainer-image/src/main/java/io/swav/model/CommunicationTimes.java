package io.swav.model;

import io.swav.collective.CommunicationThread.Piece;
import java.util.List;

/**
 * What summing a step's gradients over ranks took.
 *
 * @param sums when each was under way, waiting for peers included
 * @param exposed when nothing else was: after backward, until the last sum was there
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
