package io.swav.membership;

import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.World;

/**
 * What decides the steps of a training beside its state and its configuration, and may change while it trains: how many
 * epochs there are, and which images each of them sees. It belongs to the state, and a forming world takes over that of the
 * rank whose state it takes.
 */
public record Course(EpochSchedule epochs, DataLedger data) {
    /**
     * Returns this course with what a world document has beyond it, at this number of steps. Which images an epoch sees is not
     * taken from there: the trainers decide that, and the document tells it to others.
     */
    public Course following(World published, long step) {
        return new Course(epochs.following(published.epochs(), step), data);
    }
}
