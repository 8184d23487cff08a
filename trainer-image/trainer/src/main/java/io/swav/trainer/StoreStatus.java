package io.swav.trainer;

import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.TrainerReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Describes the checkpoints in the store as far as this trainer knows them, for its reports; immutable.
 *
 * @param committed newest step found in the store, −1 before a scan has finished
 * @param listed the newest checkpoints, newest first
 * @param answered the last checkpoint request that this trainer or an earlier one has answered, or empty
 * @param saves the last saves, at most {@link #SAVES}, oldest first
 */
public record StoreStatus(
        long committed,
        List<CheckpointEntry> listed,
        Optional<StoreProblem> problem,
        String answered,
        List<TimedSave> saves) {
    /** How many saves the percentile covers. */
    public static final int SAVES = 100;

    static final StoreStatus UNKNOWN = new StoreStatus(-1, List.of(), Optional.empty(), "", List.of());

    /** Says which operation of the store fails. */
    public enum Trouble {
        /** A save, or a scan, has failed and will be tried again. */
        Saving,
        /** The store cannot be resumed from at present. */
        Resuming,
        /** The store holds a checkpoint of a later generation. */
        Superseded
    }

    /** @param why for the user */
    public record StoreProblem(Trouble trouble, String why) {}

    public record TimedSave(long step, double seconds) {}

    /**
     * Returns the status of a trainer that becomes rank 0. It has yet to scan the store, and its new world is later than
     * the one that was superseded.
     */
    StoreStatus unscanned() {
        return new StoreStatus(
                -1, listed, problem.filter(that -> that.trouble() != Trouble.Superseded), answered, saves);
    }

    /** Returns the status after a scan. */
    StoreStatus scanned(StoreScan scan) {
        return new StoreStatus(
                Math.max(committed, scan.newest()),
                scan.listed(),
                problem,
                answered.isEmpty() ? scan.request() : answered,
                saves);
    }

    /** Returns the status after a failed scan: saving may begin, although it is not known what the store holds. */
    StoreStatus unlisted() {
        return new StoreStatus(Math.max(committed, 0), listed, problem, answered, saves);
    }

    /** Returns the status after a successful save, which ends any problem. */
    StoreStatus saved(long step, double seconds, String request) {
        List<TimedSave> timed = new ArrayList<>(saves);
        if (seconds(step) == null) { // later saves of the step only find it in the store
            timed.add(new TimedSave(step, seconds));
        }
        return new StoreStatus(
                Math.max(committed, step),
                listed,
                Optional.empty(),
                request.isEmpty() ? answered : request,
                List.copyOf(timed.subList(Math.max(0, timed.size() - SAVES), timed.size())));
    }

    StoreStatus with(Optional<StoreProblem> other) {
        return new StoreStatus(committed, listed, other, answered, saves);
    }

    /** Returns how long the save of this step took, or null if it is not one of the last saves. */
    @Nullable
    Double seconds(long step) {
        return saves.stream()
                .filter(save -> save.step() == step)
                .findFirst()
                .map(TimedSave::seconds)
                .orElse(null);
    }

    /** Returns why the store does not work, or null. */
    @Nullable
    public String why() {
        return problem.map(StoreProblem::why).orElse(null);
    }

    TrainerReport.Checkpoints report() {
        return new TrainerReport.Checkpoints(
                listed,
                why(),
                problem.filter(that -> that.trouble() == Trouble.Resuming).isPresent(),
                percentile95(),
                answered.isEmpty() ? null : answered);
    }

    private @Nullable Double percentile95() {
        List<Double> sorted = saves.stream().map(TimedSave::seconds).sorted().toList();
        return sorted.isEmpty() ? null : sorted.get((int) Math.ceil(.95 * sorted.size()) - 1);
    }
}
