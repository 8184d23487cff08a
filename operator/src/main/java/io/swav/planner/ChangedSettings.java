package io.swav.planner;

import io.swav.api.EpochSchedule;
import io.swav.api.LiveSettings;
import io.swav.api.World;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The settings that were changed while a job ran, as every world document contains them from then on. A change publishes
 * a world of the same members, which take it over in its first step. What was never changed is null: trainers then have
 * it from their configuration file.
 *
 * @param epochs null if they were never raised
 * @param live null if none of them was ever changed
 */
public record ChangedSettings(
        @Nullable EpochSchedule epochs, @Nullable LiveSettings live) {
    public static final ChangedSettings NONE = new ChangedSettings(null, null);

    /**
     * Returns these settings with what the spec wants and what trainers report.
     *
     * @param wanted by the spec; epochs that are fewer change nothing
     */
    ChangedSettings updated(WantedSettings wanted, PlannerInput input) {
        WantedSettings configured = input.configured();
        if (configured == null || input.neverRan()) {
            return this; // trainers will begin with what the spec wants
        }
        EpochSchedule known = epochs == null ? EpochSchedule.of(configured.epochs()) : epochs;
        EpochSchedule agreed = input.epochs() == null ? known : known.agreed(input.epochs());
        EpochSchedule raised = agreed.raisedTo(wanted.epochs());
        boolean changed = live != null || !wanted.live().equals(configured.live());
        return new ChangedSettings(raised.isRaised() ? raised : null, changed ? wanted.live() : null);
    }

    /** Returns these settings for a job that is over: epochs that the spec raises have no effect, and stay what they were. */
    ChangedSettings over(WantedSettings wanted, PlannerInput input) {
        WantedSettings configured = input.configured();
        return epochs != null || configured == null || configured.epochs() == wanted.epochs()
                ? this
                : new ChangedSettings(EpochSchedule.of(configured.epochs()), live);
    }

    /** Returns the world with these settings. */
    World in(World world) {
        return world.with(epochs, live);
    }

    /** Whether the trainers of this world have been given these settings. */
    boolean areIn(World world) {
        return epochs(world.epochs()) == epochs(epochs) && Objects.equals(world.settings(), live);
    }

    /** The step of a change is not compared: trainers agree on it by themselves. */
    private static int epochs(@Nullable EpochSchedule schedule) {
        return schedule == null ? 0 : schedule.epochs();
    }

    /** Describes what this world's trainers have not been given: "training.epochs 200 instead of 100". */
    String changesSince(World world, @Nullable WantedSettings configured) {
        List<String> changes = new ArrayList<>();
        if (epochs != null && epochs(world.epochs()) != epochs.epochs()) {
            List<EpochSchedule.Change> all = epochs.changes();
            int before = Optional.ofNullable(world.epochs())
                    .map(EpochSchedule::epochs)
                    .orElse(all.get(0).epochs());
            changes.add("training.epochs " + epochs.epochs() + " instead of " + before);
        }
        LiveSettings before = world.settings() != null || configured == null ? world.settings() : configured.live();
        if (live != null && before != null) {
            changes.addAll(live.changesSince(before));
        }
        return changes.isEmpty() ? "changed settings" : String.join(", ", changes);
    }
}
