package io.swav.trainer;

import io.swav.api.TrainerReport;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decides when a trainer reports, so that the API server's work does not grow with the number of trainers.
 *
 * <p>While a world makes steps, each report of a member is a sign of life of all of them ({@link
 * TrainerReport#heardAll}). Rank 0 reports every two seconds. The others take turns, one of them every second, so that
 * no single trainer's way to the API server is needed; and each reports at once what is known of it alone and has changed.
 * A trainer reports for itself while its world makes no steps and outside a world: every two seconds, or less often if
 * there are more than a hundred trainers.
 */
public final class ReportTurns {
    /** The time between two reports of a trainer for which no other reports. */
    static final Duration PERIOD = Duration.ofSeconds(2);

    /** A trainer's share in that time if there are many. */
    private static final Duration PER_TRAINER = Duration.ofMillis(20);

    /** The time between two turns of members for which another reports. */
    private static final Duration TURN = Duration.ofSeconds(1);

    /** How often a report is repeated because a call still fails. */
    private static final long FAILING_SECONDS = 10;

    /**
     * A trainer's place among those that report.
     *
     * @param rank in the newest world, -1 outside it
     * @param trainers how many there are, as far as is known; at least the members of the newest world
     */
    public record Place(int rank, int trainers) {
        /** The place of a trainer that has no peers to consider. */
        static final Place ALONE = new Place(-1, 1);
    }

    /** What the operator needs to know of each trainer, and at once. */
    private record Facts(List<?> facts) {
        static Facts of(TrainerReport report) {
            TrainerReport.Regroup regroup = report.regroup();
            return new Facts(Arrays.asList(
                    report.state(),
                    report.address(),
                    report.generation(),
                    report.steps(),
                    report.knnTop1(),
                    report.message(),
                    report.lostPeer(),
                    regroup == null
                            ? null
                            : List.of(regroup.generation(), regroup.droppedSteps(), regroup.keptSteps() > 0),
                    report.checkpoints(),
                    report.collective(),
                    report.worldProblem(),
                    reach(report),
                    report.notFinite(),
                    report.fingerprints(),
                    report.diverged(),
                    report.epochs(),
                    report.heardAll(),
                    report.nextWithin()));
        }

        private static @Nullable List<?> reach(TrainerReport report) {
            return report.reach() == null
                    ? null
                    : List.of(
                            report.reach().generation(),
                            report.reach().newcomers(),
                            report.reach().failures().stream()
                                    .map(failure -> List.of(
                                            failure.uid(), failure.why(), (long) failure.seconds() / FAILING_SECONDS))
                                    .toList());
        }
    }

    private @Nullable TrainerReport last;
    private long lastAt;
    /** Since when others report for this trainer, as they know from {@link #last}. */
    private long heardSince;

    /** Returns the time between two reports of one of so many trainers while no other reports for it. */
    static Duration alone(int trainers) {
        Duration shared = PER_TRAINER.multipliedBy(trainers);
        return shared.compareTo(PERIOD) > 0 ? shared : PERIOD;
    }

    /** Returns the value of {@link TrainerReport#nextWithin} for one of so many trainers. */
    public static @Nullable Double nextWithin(int trainers) {
        Duration within = alone(trainers);
        return within.equals(PERIOD) ? null : within.toMillis() / 1000.0;
    }

    /**
     * Whether a report is to be sent.
     *
     * @param now of a monotonic clock, nanoseconds
     */
    public boolean isDue(TrainerReport report, Place place, long now) {
        TrainerReport before = last;
        if (before == null || !Facts.of(report).equals(Facts.of(before))) {
            return true;
        }
        long since = now - lastAt;
        if (!report.heardAll()) {
            return since >= alone(place.trainers()).toNanos();
        }
        return place.rank() <= 0
                ? since >= PERIOD.toNanos()
                : turns(now - heardSince, place) > turns(lastAt - heardSince, place);
    }

    /** Returns the number of turns that a member has had, the member with the highest rank first. */
    static long turns(long nanos, Place place) {
        long others = Math.max(1, place.trainers() - 1);
        long period = Math.max(PERIOD.toNanos(), others * TURN.toNanos());
        return (nanos + period / others * (place.rank() - 1)) / period;
    }

    /** Takes note that a report was accepted. */
    public void accepted(TrainerReport report, long now) {
        if (last == null || !last.heardAll()) {
            heardSince = now;
        }
        last = report;
        lastAt = now;
    }
}
