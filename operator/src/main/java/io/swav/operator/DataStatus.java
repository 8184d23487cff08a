package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.TrainerReport;
import io.swav.planner.PlannerState;
import java.util.Optional;

/**
 * The status of the training data. A trainer is Ready only after it has opened the data, so a report of Ready or a
 * later state means that the data exists.
 */
final class DataStatus {
    private DataStatus() {}

    static void addTo(Conditions conditions, StatusFacts facts) {
        Optional<PlannerState.End> failure = facts.end().filter(end -> end.reason() == ConditionReason.NoData);
        if (failure.isPresent()) {
            conditions.add(
                    ConditionType.DataReady,
                    false,
                    ConditionReason.NoData,
                    failure.get().message());
        } else if (wasOpened(facts)) {
            conditions.add(ConditionType.DataReady, true, ConditionReason.Opened, "A trainer has opened spec.data.uri");
        } else {
            conditions.add(
                    ConditionType.DataReady,
                    "Unknown",
                    ConditionReason.NotOpened,
                    "No trainer has opened the data yet");
        }
    }

    private static boolean wasOpened(StatusFacts facts) {
        return facts.before().isTrue(ConditionType.DataReady)
                || facts.snapshot().reports().values().stream()
                        .map(TrainerReport::state)
                        .anyMatch(state -> state != TrainerReport.State.Starting && !state.isFailure());
    }
}
