package io.swav.operatorbench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Compares the Events of a job with what was seen of it: nothing may be left out or told twice. */
final class EventCheck {
    private static final Set<String> DELETIONS = Set.of("PodsDeleted", "PodKilled");

    /** An Event's reason and message. */
    record Told(String reason, String message) {
        /** Returns the pods that the message begins with, as in "job-1, job-2 (why)". */
        private List<String> pods() {
            return Arrays.asList(message.replaceFirst(" \\(.*", "").split(", ", -1));
        }
    }

    private EventCheck() {}

    /** Returns a sentence for each Event that is missing, is there more than once, or tells what did not happen. */
    static List<String> problems(String job, JobHistory seen, Collection<Told> events) {
        List<String> problems = new ArrayList<>();
        events.stream()
                .collect(Collectors.groupingBy(told -> told, Collectors.counting()))
                .forEach((told, count) -> {
                    if (count > 1) {
                        problems.add(
                                job + ": " + count + " Events tell \"" + told.reason() + " " + told.message() + "\"");
                    }
                });
        events.stream()
                .filter(told -> told.reason().equals("ObjectRestored"))
                .forEach(
                        told -> problems.add(job + ": nobody edits its objects, but an Event tells " + told.message()));
        Map<String, Integer> created = pods(events, Set.of("PodsCreated"));
        created.forEach((pod, count) -> {
            if (count > 1) {
                problems.add(job + ": " + count + " Events tell that " + pod + " was created");
            }
        });
        lost(
                problems,
                job,
                "that pods were created",
                seen.created(),
                pods(events, Set.of("PodsCreated", "PodsGone")).keySet());
        lost(
                problems,
                job,
                "that pods were deleted",
                seen.released(),
                pods(events, DELETIONS).keySet());
        Set<String> worlds = events.stream()
                .filter(told -> told.reason().equals("WorldPublished"))
                .map(told -> told.message().replaceFirst("World generation (\\d+) .*", "$1"))
                .collect(Collectors.toSet());
        Set<String> published = seen.generations().stream().map(String::valueOf).collect(Collectors.toSet());
        lost(problems, job, "that worlds were published", published, worlds);
        return problems;
    }

    private static Map<String, Integer> pods(Collection<Told> events, Set<String> reasons) {
        Map<String, Integer> counts = new TreeMap<>();
        events.stream()
                .filter(told -> reasons.contains(told.reason()))
                .flatMap(told -> told.pods().stream())
                .forEach(pod -> counts.merge(pod, 1, Integer::sum));
        return counts;
    }

    private static void lost(List<String> problems, String job, String what, Set<String> happened, Set<String> told) {
        Set<String> lost = new TreeSet<>(happened);
        lost.removeAll(told);
        if (!lost.isEmpty()) {
            problems.add(job + ": no Event tells " + what + ": " + lost);
        }
    }
}
