package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.planner.PlannerState.Trial;
import java.util.ArrayList;
import java.util.List;

/**
 * The planner's state after something was recorded in it.
 *
 * @param newIncidents incidents that the state given to this plan did not contain
 * @param causes incidents because of which members leave the world now, new ones and earlier ones that go on
 * @param resumeMessages a sentence for every change of the world whose cost was settled in this plan
 */
record Recorded(PlannerState state, List<Incident> newIncidents, List<Incident> causes, List<String> resumeMessages) {

    Recorded {
        newIncidents = List.copyOf(newIncidents);
        causes = List.copyOf(causes);
        resumeMessages = List.copyOf(resumeMessages);
    }

    static Recorded nothingNew(PlannerState state) {
        return new Recorded(state, List.of(), List.of(), List.of());
    }

    Recorded with(PlannerState newState) {
        return new Recorded(newState, newIncidents, causes, resumeMessages);
    }

    Recorded with(List<Trial> trials) {
        return with(state.with(state.pods().trying(trials)));
    }

    /** @param cause whether a member of the world leaves with it */
    Recorded withIncident(Incident incident, boolean cause) {
        return new Recorded(
                state.with(state.account().with(incident)),
                plus(newIncidents, incident),
                cause ? plus(causes, incident) : causes,
                resumeMessages);
    }

    /** Records an incident whose cost is known; no member leaves with it. */
    Recorded withCost(Incident incident) {
        return new Recorded(
                state.with(state.account().withCost(incident)), plus(newIncidents, incident), causes, resumeMessages);
    }

    /**
     * Records that an incident concerns another pod.
     *
     * @param cause whether this pod is a member of the world
     */
    Recorded replacing(Incident before, Incident after, boolean cause) {
        List<Incident> others =
                causes.stream().filter(incident -> !incident.equals(before)).toList();
        return new Recorded(
                state.with(state.account().replacing(before, after)),
                newIncidents.stream()
                        .map(incident -> incident.equals(before) ? after : incident)
                        .toList(),
                cause || others.size() < causes.size() ? plus(others, after) : causes,
                resumeMessages);
    }

    /**
     * Lists an incident again that was counted before.
     *
     * @param cause whether a member of the world leaves with it
     */
    Recorded recalling(Incident incident, boolean cause) {
        return new Recorded(
                state.with(state.account().recalling(incident)),
                newIncidents,
                cause ? plus(causes, incident) : causes,
                resumeMessages);
    }

    Recorded withResumeMessage(String message) {
        return new Recorded(state, newIncidents, causes, plus(resumeMessages, message));
    }

    private static <T> List<T> plus(List<T> all, T one) {
        List<T> more = new ArrayList<>(all);
        more.add(one);
        return more;
    }
}
