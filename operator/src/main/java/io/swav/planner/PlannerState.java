package io.swav.planner;

import io.swav.api.ConditionReason;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the planner remembers from one plan to the next. It is written together with the world, in one object, so that
 * no incident is counted twice or forgotten if the operator dies in between.
 *
 * @param nextPod number of the next pod; numbers are never reused
 * @param since when the present world was published
 * @param streak failures in a row without a world that made a step in between
 * @param retryAt no pod is created before this time; null for no delay
 * @param accounted uids of present pods and members whose departure has been counted, or was caused by the operator
 * @param lost uids of pods that left the world because they did not respond; a pod that reports again is forgiven
 * @param hung uids of pods to be force-deleted
 * @param account the cost of everything that happened
 * @param firstDone when the first trainer was seen to have finished
 * @param end how the job ended
 */
public record PlannerState(
        long nextPod,
        @Nullable Instant since,
        int streak,
        @Nullable Instant retryAt,
        Set<String> accounted,
        Set<String> lost,
        Set<String> hung,
        LedgerState account,
        @Nullable Instant firstDone,
        @Nullable End end) {

    public static final PlannerState EMPTY =
            new PlannerState(0, null, 0, null, Set.of(), Set.of(), Set.of(), LedgerState.EMPTY, null, null);

    /** The end of a job, Complete or Failed, with its reason (one word) and its message (a sentence). */
    public record End(boolean complete, String reason, String message, Instant time) {

        /** The reason of a job whose data is missing or contains no images. */
        public static final String NO_DATA = ConditionReason.NoData.name();
    }

    public PlannerState {
        accounted = new TreeSet<>(accounted);
        lost = new TreeSet<>(lost);
        hung = new TreeSet<>(hung);
    }

    /** Whether this pod no longer counts, whatever its object says. */
    public boolean isOut(String uid) {
        return lost.contains(uid) || hung.contains(uid);
    }

    PlannerState with(LedgerState newAccount) {
        return new PlannerState(nextPod, since, streak, retryAt, accounted, lost, hung, newAccount, firstDone, end);
    }

    PlannerState accounting(String uid) {
        return new PlannerState(
                nextPod, since, streak, retryAt, plus(accounted, uid), lost, hung, account, firstDone, end);
    }

    PlannerState losing(String uid) {
        return new PlannerState(
                nextPod, since, streak, retryAt, accounted, plus(lost, uid), hung, account, firstDone, end);
    }

    PlannerState killing(String uid) {
        return new PlannerState(
                nextPod, since, streak, retryAt, accounted, lost, plus(hung, uid), account, firstDone, end);
    }

    /** Drops what was recorded about other pods than these, and that pods in {@code heard} were lost or counted. */
    PlannerState keeping(Set<String> uids, Set<String> heard) {
        Set<String> others = new TreeSet<>(uids);
        others.removeAll(heard);
        return new PlannerState(
                nextPod,
                since,
                streak,
                retryAt,
                common(accounted, others),
                common(lost, others),
                common(hung, uids),
                account,
                firstDone,
                end);
    }

    PlannerState withRetry(int newStreak, @Nullable Instant at) {
        return new PlannerState(nextPod, since, newStreak, at, accounted, lost, hung, account, firstDone, end);
    }

    public PlannerState withNextPod(long next) {
        return new PlannerState(next, since, streak, retryAt, accounted, lost, hung, account, firstDone, end);
    }

    PlannerState published(Instant now) {
        return new PlannerState(nextPod, now, streak, retryAt, accounted, lost, hung, account, firstDone, end);
    }

    PlannerState withFirstDone(Instant at) {
        return new PlannerState(nextPod, since, streak, retryAt, accounted, lost, hung, account, at, end);
    }

    PlannerState ended(End how) {
        return new PlannerState(nextPod, since, streak, retryAt, accounted, lost, hung, account, firstDone, how);
    }

    private static Set<String> plus(Set<String> uids, String uid) {
        Set<String> more = new TreeSet<>(uids);
        more.add(uid);
        return more;
    }

    private static Set<String> common(Set<String> uids, Set<String> others) {
        Set<String> both = new TreeSet<>(uids);
        both.retainAll(others);
        return both;
    }
}
