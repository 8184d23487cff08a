package io.swav.planner;

import io.swav.api.ReachReport;
import io.swav.api.TrainerReport;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Signs of life of one trainer, from its last report.
 *
 * @param silence time since its last report arrived, or one of a member that had heard it, by the operator's clock and
 *     without outages of the API server; null if it has never reported, or has reported its end: then silence proves nothing
 * @param awaiting whether it waits for its peers
 * @param stalled time since it last finished a step or entered its first world; empty outside a world
 * @param lostPeer uid of the member to which its connection failed
 * @param step global steps applied
 * @param regroup how it entered its present world
 * @param reach which other trainers it reaches; empty for a trainer that does not call them
 * @param silentAfter the silence after which it counts as silent
 */
public record LivenessSignals(
        @Nullable Duration silence,
        boolean awaiting,
        Optional<Duration> stalled,
        Optional<String> lostPeer,
        long step,
        Optional<TrainerReport.Regroup> regroup,
        Optional<ReachReport> reach,
        Duration silentAfter) {

    /** Trainers give a sign of life every two seconds, unless they are many; one that misses two is silent. */
    public static final Duration SILENCE_LIMIT = Duration.ofSeconds(4);

    public static final LivenessSignals NONE =
            new LivenessSignals(null, false, Optional.empty(), Optional.empty(), 0, Optional.empty());

    /** Creates the signals of a trainer that does not call others. */
    public LivenessSignals(
            @Nullable Duration silence,
            boolean awaiting,
            Optional<Duration> stalled,
            Optional<String> lostPeer,
            long step,
            Optional<TrainerReport.Regroup> regroup) {
        this(silence, awaiting, stalled, lostPeer, step, regroup, Optional.empty());
    }

    /** Creates the signals of a trainer that reports every two seconds. */
    public LivenessSignals(
            @Nullable Duration silence,
            boolean awaiting,
            Optional<Duration> stalled,
            Optional<String> lostPeer,
            long step,
            Optional<TrainerReport.Regroup> regroup,
            Optional<ReachReport> reach) {
        this(silence, awaiting, stalled, lostPeer, step, regroup, reach, SILENCE_LIMIT);
    }

    public boolean isSilent() {
        return silence != null && silence.compareTo(silentAfter) > 0;
    }

    public boolean isFresh() {
        return silence != null && !isSilent();
    }

    /**
     * Returns when to check for silence, also if the trainer is silent already, because only a request shows whether
     * the API server responds. Empty if silence proves nothing.
     */
    Optional<Instant> silenceCheckAt(Instant now) {
        return Optional.ofNullable(silence).map(time -> {
            Duration left = silentAfter.minus(time).plusMillis(1);
            return now.plus(left.isNegative() ? SILENCE_LIMIT : left);
        });
    }

    /** Whether this trainer has been in a world that formed. */
    boolean holdsState() {
        return regroup.isPresent();
    }

    /** Returns the generation in which this trainer has made a step, 0 for none. */
    long trainedIn() {
        return regroup.filter(how -> how.keptSteps() > 0)
                .map(TrainerReport.Regroup::generation)
                .orElse(0L);
    }

    boolean silentFor(Duration limit) {
        return isSilent() && silence != null && silence.compareTo(limit) > 0;
    }
}
