package io.swav.trainer;

import java.time.Duration;
import java.util.Optional;

/**
 * Decides when a checkpoint is due. If one falls due while the previous one is still being written, it stays due and is
 * taken at the first step at which the writer is free.
 */
final class SaveSchedule {
    private final long everySteps;
    private final Optional<Duration> every;
    private long takenAt;
    private long takenNanos;
    private String answered = "";

    /** @param now from {@link System#nanoTime} */
    SaveSchedule(long everySteps, Optional<Duration> every, long now) {
        this.everySteps = everySteps;
        this.every = every;
        this.takenNanos = now;
    }

    /**
     * Returns whether a checkpoint is due.
     *
     * @param step that was applied
     * @param committed newest step in the store, so that a new rank 0 saves what the previous one left undone
     * @param now from {@link System#nanoTime}
     * @param request newest checkpoint request, empty for none
     */
    boolean due(long step, long committed, long now, String request) {
        long last = Math.max(takenAt, committed);
        boolean steps = step / everySteps > last / everySteps;
        boolean time = every.isPresent()
                && step > last
                && now - takenNanos >= every.get().toNanos();
        boolean asked = !request.isEmpty() && !request.equals(answered);
        return steps || time || asked;
    }

    /** Records that training continues at this step: what was taken after it, from a state that was dropped, is due again. */
    void continuesAt(long step) {
        takenAt = Math.min(takenAt, step);
    }

    void taken(long step, long now, String request) {
        takenAt = step;
        takenNanos = now;
        answered = request;
    }
}
