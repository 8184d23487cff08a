package io.swav.chaos;

import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.JobCondition;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Collects what a job's status has named during a storm. The status keeps only the last incidents, and the present conditions. */
final class StatusLog {
    private final Map<List<String>, Incident> incidents = new LinkedHashMap<>();
    private final Set<String> stalled = new HashSet<>();

    void add(SwavJobStatus status) {
        Optional.ofNullable(status.ledger())
                .flatMap(ledger -> Optional.ofNullable(ledger.incidents()))
                .orElse(List.of())
                .forEach(incident -> incidents.put(key(incident), incident));
        status.condition(ConditionType.Stalled)
                .filter(condition -> condition.status().equals("True"))
                .map(JobCondition::message)
                .ifPresent(stalled::add);
    }

    /** An event may end more pods after it was listed; its first pod stays the first that it names. */
    private static List<String> key(Incident incident) {
        return List.of(
                incident.time(),
                incident.pod().split(" ", 2)[0],
                incident.kind().name());
    }

    /** Number of incidents, by kind. */
    Map<String, Integer> counts() {
        Map<String, Integer> counts = new TreeMap<>();
        incidents.values().forEach(incident -> counts.merge(incident.kind().name(), 1, Integer::sum));
        return counts;
    }

    /** Whether an incident names the pod, other than as one that joined or was released. */
    boolean hasIncident(String pod) {
        return incidents.values().stream()
                .filter(incident -> incident.kind() != IncidentKind.Resize)
                .anyMatch(incident -> names(incident.pod(), pod));
    }

    /** Whether the job has reported that a person has to act because of the pod. */
    boolean isStalledOver(String pod) {
        return stalled.stream().anyMatch(message -> names(message, pod));
    }

    private static boolean names(String text, String pod) {
        return Pattern.compile("(?<![\\w-])" + Pattern.quote(pod) + "(?![\\w-])")
                .matcher(text)
                .find();
    }
}
