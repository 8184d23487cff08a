package io.swav.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How many epochs a job trains, and from which global step on. {@code training.epochs} may be raised while a job runs,
 * which moves the end of the cosine, so the bits of all later steps depend on when that happened. The value is in the
 * world document, as far as the operator knows it, and in every checkpoint, as it was in force.
 *
 * @param changes at least one; epochs grow, and steps do not fall
 */
public record EpochSchedule(@JsonValue List<Change> changes) {

    /**
     * A number of epochs and the step from which on it is in force.
     *
     * @param step global steps applied when it came into force; null for the last change while its trainers have not
     *     agreed on a step yet
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Change(@Nullable Long step, int epochs) {
        public Change {
            if (epochs < 1 || (step != null && step < 0)) {
                throw new IllegalArgumentException(epochs + " epochs from step " + step + " on");
            }
        }

        /** Whether it is in force at a step. */
        boolean isInForce(long at) {
            return step != null && step <= at;
        }
    }

    @JsonCreator
    public EpochSchedule(List<Change> changes) {
        if (changes == null || changes.isEmpty() || changes.stream().anyMatch(Objects::isNull)) {
            throw new IllegalArgumentException("a schedule of epochs needs a list of changes");
        }
        this.changes = List.copyOf(changes);
        for (int i = 1; i < changes.size(); i++) {
            Change one = changes.get(i - 1);
            Change next = changes.get(i);
            Long from = next.step();
            if (next.epochs() <= one.epochs() || one.step() == null || (from != null && from < one.step())) {
                throw new IllegalArgumentException("epochs must grow from step to step: " + changes);
            }
        }
    }

    /** Returns the schedule of a job whose epochs have not changed. */
    public static EpochSchedule of(int epochs) {
        return new EpochSchedule(List.of(new Change(0L, epochs)));
    }

    /** Returns the last change. */
    public Change last() {
        return changes.get(changes.size() - 1);
    }

    /** Returns the epochs of the whole job. */
    public int epochs() {
        return last().epochs();
    }

    /** Returns whether the epochs were raised. */
    public boolean isRaised() {
        return changes.size() > 1;
    }

    /** Returns the epochs in force for the step that follows {@code step} applied ones. */
    public int epochsAt(long step) {
        int epochs = changes.get(0).epochs();
        for (Change change : changes) {
            epochs = change.isInForce(step) ? change.epochs() : epochs;
        }
        return epochs;
    }

    /** Returns this schedule with more epochs, from a step on that trainers have yet to agree on; itself if it has them. */
    public EpochSchedule raisedTo(int epochs) {
        return epochs <= epochs() ? this : with(new Change(null, epochs));
    }

    /**
     * Returns this schedule with the change that trainers report to be in force, and since when; itself if that is older
     * than its last change.
     */
    public EpochSchedule agreed(Change reported) {
        return reported.step() == null || reported.epochs() < epochs() || reported.equals(last())
                ? this
                : with(reported);
    }

    /**
     * Returns this schedule with the changes of a published one that it lacks. A change whose step is past, or not known
     * yet, comes into force at once: all trainers that follow the same document at the same step get the same.
     *
     * @param published null if the document has none
     * @param step global steps applied
     */
    public EpochSchedule following(@Nullable EpochSchedule published, long step) {
        EpochSchedule result = this;
        for (Change change : published == null ? List.<Change>of() : published.changes()) {
            if (change.epochs() > result.epochs()) {
                long from = change.step() == null ? step : Math.max(step, change.step());
                result = result.with(new Change(from, change.epochs()));
            }
        }
        return result;
    }

    /** A change replaces those of no fewer epochs, and those that would come into force with it or later. */
    private EpochSchedule with(Change change) {
        List<Change> all = new ArrayList<>(changes);
        all.removeIf(other -> other.step() == null
                || other.epochs() >= change.epochs()
                || (change.step() != null && other.step() >= change.step()));
        all.add(change);
        return new EpochSchedule(all);
    }
}
