package io.swav.plan;

import io.swav.api.SwavJobStatus.Incident;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the planner has to remember from one plan to the next. It is written together with the world, in one object, so
 * that nothing is counted twice or forgotten when the operator dies in between.
 *
 * @param nextPod number of the next pod; numbers are never used again
 * @param since when the present world was published
 * @param resizes worlds published after the first
 * @param streak failures in a row without a world in between
 * @param retryAt no pod is created before; null for no delay
 * @param accounted uids of present pods and members whose going has been counted, or was our own doing
 * @param incidents the last {@value #KEPT}
 * @param firstDone when the first trainer was seen to have finished
 * @param end how the job ended
 */
public record Book(
        long nextPod,
        @Nullable Instant since,
        long resizes,
        long preemptions,
        long failures,
        int streak,
        @Nullable Instant retryAt,
        Set<String> accounted,
        List<Incident> incidents,
        @Nullable Instant firstDone,
        @Nullable End end) {

    static final int KEPT = 20;

    public static final Book EMPTY = new Book(0, null, 0, 0, 0, 0, null, Set.of(), List.of(), null, null);

    /** The end of a job: Complete or Failed, with its reason (one word) and its sentence. */
    public record End(boolean complete, String reason, String message, Instant time) {}

    public Book {
        accounted = new TreeSet<>(accounted);
        incidents = List.copyOf(incidents);
    }

    Book withIncident(Incident incident, String uid, boolean failure) {
        List<Incident> kept = new ArrayList<>(incidents);
        kept.add(incident);
        return new Book(
                nextPod,
                since,
                resizes,
                preemptions + (failure ? 0 : 1),
                failures + (failure ? 1 : 0),
                streak,
                retryAt,
                plus(uid),
                kept.subList(Math.max(0, kept.size() - KEPT), kept.size()),
                firstDone,
                end);
    }

    Book withAccounted(Set<String> uids) {
        return new Book(
                nextPod, since, resizes, preemptions, failures, streak, retryAt, uids, incidents, firstDone, end);
    }

    Book accounting(String uid) {
        return withAccounted(plus(uid));
    }

    Book withRetry(int newStreak, @Nullable Instant at) {
        return new Book(
                nextPod, since, resizes, preemptions, failures, newStreak, at, accounted, incidents, firstDone, end);
    }

    Book withNextPod(long next) {
        return new Book(
                next, since, resizes, preemptions, failures, streak, retryAt, accounted, incidents, firstDone, end);
    }

    Book published(Instant now, boolean first) {
        return new Book(
                nextPod,
                now,
                resizes + (first ? 0 : 1),
                preemptions,
                failures,
                streak,
                retryAt,
                accounted,
                incidents,
                firstDone,
                end);
    }

    Book withFirstDone(Instant at) {
        return new Book(nextPod, since, resizes, preemptions, failures, streak, retryAt, accounted, incidents, at, end);
    }

    Book ended(End how) {
        return new Book(
                nextPod, since, resizes, preemptions, failures, streak, retryAt, accounted, incidents, firstDone, how);
    }

    private Set<String> plus(String uid) {
        Set<String> more = new TreeSet<>(accounted);
        more.add(uid);
        return more;
    }
}
