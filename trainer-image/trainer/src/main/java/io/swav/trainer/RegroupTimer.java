package io.swav.trainer;

import io.swav.api.TrainerReport.Regroup;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Measures what changes of the world cost in time and steps. Times are from System.nanoTime and passed in by the
 * caller; calls come in the order (entering, (formed, (began, applied)*, dropped?)?)*.
 */
final class RegroupTimer {
    /** The number of recent steps whose median is the duration of a normal step. */
    private static final int RECENT = 15;

    /** A step is overdue after this time, and after {@link #OVERDUE_STEPS} times that of a normal one. */
    private static final long OVERDUE_NANOS = TimeUnit.SECONDS.toNanos(3);

    private static final int OVERDUE_STEPS = 2;

    private final Deque<Long> recent = new ArrayDeque<>();
    private @Nullable Long lastEnd;
    private @Nullable Long sign;
    /** Whether the last step was made in the present world, which has not broken since. */
    private boolean whole;

    private boolean unfinished;
    private long began;
    private boolean first;
    private long dropped;
    private @Nullable Regroup regroup;

    /** Marks the start of forming a world, or another attempt to form it. */
    void entering(long now) {
        if (sign == null) {
            sign = now;
        }
        whole = false;
    }

    /** Marks that this trainer is outside any world: no peer waits for it. */
    void outside() {
        sign = null;
        whole = false;
    }

    /**
     * Marks that the world has formed. The same generation may form again after a failure; its figures then continue.
     */
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
        whole = of != null;
        lastEnd = now;
        sign = now;
        recent.addLast(now - began);
        if (recent.size() > RECENT) {
            recent.removeFirst();
        }
    }

    /**
     * Marks that the world broke.
     *
     * @return whether a step had been begun in it, which is now lost
     */
    boolean broke() {
        boolean lost = unfinished;
        if (lost) {
            dropped = 1;
        }
        unfinished = false;
        whole = false;
        return lost;
    }

    /** Marks that this many of the last steps were undone, although the world did not break. */
    void rewound(long steps) {
        unfinished = false;
        whole = false;
        Regroup of = regroup;
        if (of != null && of.keptSteps() > 0) {
            long kept = Math.max(0, of.keptSteps() - steps);
            regroup = new Regroup(
                    of.generation(),
                    of.pauseSeconds(),
                    of.droppedSteps(),
                    kept,
                    of.keptSeconds() * kept / of.keptSteps());
        }
    }

    private long normal() {
        return recent.stream().sorted().skip(recent.size() / 2).findFirst().orElse(0L);
    }

    /**
     * Returns the seconds since the last step was finished. For a trainer that does not wait for its peers, they count
     * only from its return from them: a trainer that waited long for a peer, and now continues or is about to retry,
     * has not stalled itself.
     *
     * @param backSince when it returned; empty while it waits
     */
    @Nullable
    Double stalledSeconds(long now, OptionalLong backSince) {
        return sign == null ? null : (now - Math.max(sign, backSince.orElse(sign))) / 1e9;
    }

    /**
     * Whether all members of the present world have just made a step, which none can make without the others, and the
     * next one is not overdue.
     */
    boolean heardAll(long now) {
        return whole && lastEnd != null && now - lastEnd <= Math.max(OVERDUE_NANOS, OVERDUE_STEPS * normal());
    }

    @Nullable
    Regroup regroup() {
        return regroup;
    }
}
