package io.swav.trainer;

import io.swav.api.LiveSettings;
import java.util.concurrent.TimeUnit;

/**
 * Decides when a checkpoint is due. If one falls due while the previous one is still being written, it stays due and is
 * taken at the first step at which the writer is free.
 */
final class SaveSchedule {
    private LiveSettings settings;
    private long takenAt;
    private long takenNanos;
    private String answered = "";

    /** @param now from {@link System#nanoTime} */
    SaveSchedule(LiveSettings settings, long now) {
        this.settings = settings;
        this.takenNanos = now;
    }

    /** Sets when checkpoints are due from now on. */
    void follow(LiveSettings now) {
        settings = now;
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
        boolean steps = step / settings.everySteps() > last / settings.everySteps();
        Integer seconds = settings.everySeconds();
        boolean time = seconds != null && step > last && now - takenNanos >= TimeUnit.SECONDS.toNanos(seconds);
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
