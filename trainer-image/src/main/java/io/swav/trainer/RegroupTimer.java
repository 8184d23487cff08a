package io.swav.trainer;

import io.swav.api.TrainerReport.Regroup;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What changes of the world cost in time and steps. Times are System.nanoTime's and come in from outside; the order of
 * calls is (entering, (formed, (began, applied)*, dropped?)?)*.
 */
final class RegroupTimer {
    /** Steps whose median is a normal step. */
    private static final int RECENT = 15;

    private final Deque<Long> recent = new ArrayDeque<>();
    private @Nullable Long lastEnd;
    private @Nullable Long sign;
    private boolean unfinished;
    private long began;
    private boolean first;
    private long dropped;
    private @Nullable Regroup regroup;

    /** On the way into a world, or still inside one. */
    void entering(long now) {
        if (sign == null) {
            sign = now;
        }
    }

    /** Outside any world: nobody waits for this trainer. */
    void outside() {
        sign = null;
    }

    /** The world stands; the same generation may form again after a failure, and its figures go on. */
    void formed(long generation) {
        Regroup before = regroup;
        regroup = before != null && before.generation() == generation
                ? new Regroup(
                        generation,
                        before.pauseSeconds(),
                        before.droppedSteps() + dropped,
                        before.keptSteps(),
                        before.keptSeconds())
                : new Regroup(generation, null, dropped, 0, 0);
        dropped = 0;
        first = true;
    }

    void began(long now) {
        began = now;
        unfinished = true;
    }

    void applied(long now) {
        unfinished = false;
        Regroup of = regroup;
        if (of != null) {
            Double pause = of.pauseSeconds();
            if (first && lastEnd != null) {
                pause = (pause == null ? 0 : pause) + Math.max(0, now - lastEnd - normal()) / 1e9;
            }
            regroup = new Regroup(
                    of.generation(),
                    pause,
                    of.droppedSteps(),
                    of.keptSteps() + 1,
                    of.keptSeconds() + (now - began) / 1e9);
        }
        first = false;
        lastEnd = now;
        sign = now;
        recent.addLast(now - began);
        if (recent.size() > RECENT) {
            recent.removeFirst();
        }
    }

    /**
     * The world broke.
     *
     * @return whether a step had been begun in it, which is now lost
     */
    boolean broke() {
        boolean lost = unfinished;
        if (lost) {
            dropped = 1;
        }
        unfinished = false;
        return lost;
    }

    private long normal() {
        return recent.stream().sorted().skip(recent.size() / 2).findFirst().orElse(0L);
    }

    /**
     * Since the last step was finished; of a trainer that does not wait for its peers, only since it came back from
     * them. Whoever has waited long for another and now goes on, or is about to try again, has not stalled itself.
     *
     * @param backSince when it came back; empty while it waits
     */
    @Nullable
    Double stalledSeconds(long now, OptionalLong backSince) {
        return sign == null ? null : (now - Math.max(sign, backSince.orElse(sign))) / 1e9;
    }

    @Nullable
    Regroup regroup() {
        return regroup;
    }
}
