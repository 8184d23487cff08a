package io.swav.operator;

import io.swav.api.SwavJob;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Remembers the last look at an object of each job that is not watched, so that it is not read at every reconciliation.
 *
 * @param <B> what a look rested on, beside the object itself: if it changes the look no longer counts
 * @param <R> what a look has found
 */
final class LastLooks<B, R extends LastLooks.LookResult> {
    /** What a look has found about the creation of pods. */
    interface LookResult {
        /** Returns why no pod may be created. */
        Optional<PodRejection> problem();

        /** Returns an error of the API server, which is tried again. */
        Optional<String> error();

        /** Whether pods may be created. */
        default boolean isUsable() {
            return problem().isEmpty() && error().isEmpty();
        }
    }

    /** @param at when the next one is due */
    private record Look<B, R>(B basis, R found, Instant at) {}

    /** By uid of the job. */
    private final Map<String, Look<B, R>> looks = new ConcurrentHashMap<>();

    /** Returns what is in the way, as far as it need not be looked at again. */
    Optional<PodRejection> problem(SwavJob job, Instant now) {
        return look(job).flatMap(look -> look.found().problem()).filter(last -> last.isInForce(job, now));
    }

    /** Returns when the next look is due. */
    Optional<Instant> recheckAt(SwavJob job) {
        return look(job).map(Look::at);
    }

    /**
     * Returns what was found, if it still holds: a problem until its time, and otherwise what pods that are to be created
     * do not depend on.
     *
     * @param isNeeded whether a pod is to be created
     */
    Optional<R> known(SwavJob job, B basis, boolean isNeeded, Instant now) {
        return look(job)
                .filter(look -> now.isBefore(look.at()) && look.basis().equals(basis))
                .map(Look::found)
                .filter(found -> problem(job, now).isPresent() || (!isNeeded && found.isUsable()));
    }

    void remember(SwavJob job, B basis, R found, Instant next) {
        looks.put(uid(job), new Look<>(basis, found, next));
    }

    void forget(SwavJob job) {
        looks.remove(uid(job));
    }

    private Optional<Look<B, R>> look(SwavJob job) {
        return Optional.ofNullable(looks.get(uid(job)));
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
