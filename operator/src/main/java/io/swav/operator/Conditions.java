package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.JobCondition;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects the conditions of one status. A condition keeps its transition time as long as its status stays the same.
 */
final class Conditions {
    private final SwavJobStatus before;
    private final Instant now;
    private final long generation;
    private final List<JobCondition> conditions = new ArrayList<>();

    Conditions(SwavJobStatus before, Instant now, long generation) {
        this.before = before;
        this.now = now;
        this.generation = generation;
    }

    Conditions add(ConditionType type, boolean holds, ConditionReason reason, String message) {
        return add(type, holds ? "True" : "False", reason, message);
    }

    Conditions add(ConditionType type, String status, ConditionReason reason, String message) {
        String since = before.condition(type)
                .filter(old -> old.status().equals(status))
                .map(JobCondition::lastTransitionTime)
                .orElseGet(() -> now.truncatedTo(ChronoUnit.SECONDS).toString());
        conditions.add(new JobCondition(type.name(), status, reason.name(), message, since, generation));
        return this;
    }

    /** Keeps the previous condition if nothing new is known about it. */
    void keep(ConditionType type) {
        before.condition(type).ifPresent(conditions::add);
    }

    List<JobCondition> list() {
        return List.copyOf(conditions);
    }
}
