package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.planner.PlannerState.Trial;
import java.util.ArrayList;
import java.util.List;

/**
 * The planner's state after something was recorded in it.
 *
 * @param newIncidents incidents that the state given to this plan did not contain
 * @param resumeMessages a sentence for every change of the world whose cost was settled in this plan
 */
record Recorded(PlannerState state, List<Incident> newIncidents, List<String> resumeMessages) {

    Recorded {
        newIncidents = List.copyOf(newIncidents);
        resumeMessages = List.copyOf(resumeMessages);
    }

    static Recorded nothingNew(PlannerState state) {
        return new Recorded(state, List.of(), List.of());
    }

    Recorded with(PlannerState newState) {
        return new Recorded(newState, newIncidents, resumeMessages);
    }

    Recorded with(List<Trial> trials) {
        return with(state.with(state.pods().trying(trials)));
    }

    Recorded withIncident(Incident incident) {
        return new Recorded(state.with(state.account().with(incident)), plus(newIncidents, incident), resumeMessages);
    }

    Recorded withResumeMessage(String message) {
        return new Recorded(state, newIncidents, plus(resumeMessages, message));
    }

    private static <T> List<T> plus(List<T> all, T one) {
        List<T> more = new ArrayList<>(all);
        more.add(one);
        return more;
    }
}
