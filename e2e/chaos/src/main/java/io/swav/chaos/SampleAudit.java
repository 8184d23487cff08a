package io.swav.chaos;

import io.swav.api.JournalEvent;
import io.swav.chaos.MergedHistory.Made;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Compares the samples that the trainers recorded with those that belong to the steps of the final model. */
final class SampleAudit {
    private final Map<String, Journal> journals;
    private final List<InjectedFault> faults;
    private final MergedHistory history;

    SampleAudit(Map<String, Journal> journals, List<InjectedFault> faults, MergedHistory history) {
        this.journals = journals;
        this.faults = faults;
        this.history = history;
    }

    /**
     * Counts, by epoch, the samples of the steps made that were not fed exactly once; epochs without any are absent. A
     * rank that died after the step's last collective and before it recorded the step leaves no record, but its samples
     * count as fed: without them the other ranks could not have applied the step.
     */
    Map<Long, Integer> wrongByEpoch(StormJudge.Order order) {
        Map<Long, Map<Long, Integer>> fed = new TreeMap<>();
        Map<Long, Map<Long, Integer>> due = new TreeMap<>();
        history.kept().forEach((step, made) -> {
            long epoch = order.epochOf(step);
            Map<Long, Integer> counts = fed.computeIfAbsent(epoch, e -> new HashMap<>());
            Set<Long> unseen = new HashSet<>(order.samplesOf(step));
            unseen.forEach(
                    sample -> due.computeIfAbsent(epoch, e -> new HashMap<>()).merge(sample, 1, Integer::sum));
            for (Journal.Step record : made.byPod.values()) {
                for (Long sample : record.samples()) {
                    counts.merge(sample, 1, Integer::sum);
                    unseen.remove(sample);
                }
            }
            if (made.byPod.size() < made.size && silenceExplained(step, made)) {
                unseen.forEach(sample -> counts.merge(sample, 1, Integer::sum));
            }
        });
        Map<Long, Integer> wrong = new TreeMap<>();
        fed.forEach((epoch, counts) -> {
            int here = differences(counts, due.getOrDefault(epoch, Map.of()));
            if (here > 0) {
                wrong.put(epoch, here);
            }
        });
        return wrong;
    }

    /** The number of samples whose counts differ; a missing one counts as 0. */
    private static int differences(Map<Long, Integer> counts, Map<Long, Integer> expected) {
        Set<Long> samples = new HashSet<>(counts.keySet());
        samples.addAll(expected.keySet());
        return (int) samples.stream()
                .filter(s -> !counts.getOrDefault(s, 0).equals(expected.getOrDefault(s, 0)))
                .count();
    }

    /**
     * Whether every rank without a record of the step was hit by a fault, or dropped its own attempt and adopted the state
     * of another rank.
     */
    private boolean silenceExplained(long step, Made made) {
        Set<String> silent = new HashSet<>(history.members(made.generation, made.generation));
        silent.removeAll(made.byPod.keySet());
        return silent.stream()
                .allMatch(pod -> faults.stream().anyMatch(fault -> fault.ends(pod))
                        || journals.getOrDefault(pod, Journal.empty()).events().stream()
                                .anyMatch(e -> e.event() == JournalEvent.DROPPED
                                        && e.generation() == made.generation
                                        && e.step() == step));
    }
}
