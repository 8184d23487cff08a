package io.swav.chaos;

import io.swav.api.JournalEvent;
import io.swav.api.StageTime;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.MergedHistory.Made;
import io.swav.chaos.StormReport.Pause;
import io.swav.chaos.StormReport.Stage;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Computes the time that a storm cost: a function of the steps of the final model and the injected faults. */
final class StormTimes {
    /** The causes of pauses, the most severe first. */
    private static final List<Map.Entry<Kind, String>> CAUSES = List.of(
            Map.entry(Kind.KILL_ALL, "restart"),
            Map.entry(Kind.HANG, "hang"),
            Map.entry(Kind.NODE, "node"),
            Map.entry(Kind.KILL_ALL_BUT_ONE, "kill"),
            Map.entry(Kind.KILL, "kill"),
            Map.entry(Kind.NOTICE, "notice"));

    /** The cause if no fault hit a member that left. */
    private static final String RESIZE = "resize";

    private final MergedHistory history;
    private final List<InjectedFault> faults;

    StormTimes(MergedHistory history, List<InjectedFault> faults) {
        this.history = history;
        this.faults = faults;
    }

    /** Time in steps, as a fraction of the time from the first step to the last; 0 if no step was made. */
    double goodput() {
        long kept = 0;
        long end = Long.MIN_VALUE;
        for (Made made : history.kept().values()) {
            kept += Math.max(0, made.end() - Math.max(made.start(), end));
            end = Math.max(end, made.end());
        }
        return history.kept().isEmpty()
                ? 0
                : (double) kept / (end - history.kept().firstEntry().getValue().start());
    }

    /** Pauses by cause, as in {@link StormReport}. */
    Map<String, Pause> pauses() {
        Map<String, List<Double>> seconds = new TreeMap<>();
        List<Made> steps = List.copyOf(history.kept().values());
        for (int i = 1; i < steps.size(); i++) {
            Made before = steps.get(i - 1);
            Made after = steps.get(i);
            if (before.generation < after.generation) {
                double pause = (after.end() - before.end() - normalStep(steps, after.size)) / 1e6;
                seconds.computeIfAbsent(cause(before, after), c -> new ArrayList<>())
                        .add(Math.max(0, pause));
            }
        }
        Map<String, Pause> pauses = new LinkedHashMap<>();
        seconds.forEach((cause, list) -> {
            List<Double> sorted = list.stream().sorted().toList();
            pauses.put(cause, new Pause(rank(sorted, 0.5), rank(sorted, 0.95), rank(sorted, 1), sorted.size()));
        });
        return pauses;
    }

    /** Where changes of the world spend their time, as in {@link StormReport}: every member's own account of each change. */
    Map<String, Stage> stages(Collection<Journal> journals) {
        List<Map<String, StageTime>> changes = journals.stream()
                .flatMap(journal -> journal.events().stream())
                .filter(event -> event.event() == JournalEvent.REGROUPED && event.generation() > 1)
                .map(Journal.Event::stages)
                .toList();
        Map<String, Stage> stages = new LinkedHashMap<>();
        changes.stream().flatMap(change -> change.keySet().stream()).distinct().forEach(name -> {
            List<StageTime> all = changes.stream()
                    .flatMap(change -> Optional.ofNullable(change.get(name)).stream())
                    .toList();
            List<Double> seconds = all.stream().map(StageTime::seconds).sorted().toList();
            List<Double> processor =
                    all.stream().map(StageTime::processorSeconds).sorted().toList();
            stages.put(
                    name,
                    new Stage(
                            rank(seconds, 0.5),
                            rank(seconds, 0.95),
                            rank(processor, 0.5),
                            rank(processor, 0.95),
                            all.size()));
        });
        return stages;
    }

    /**
     * The median time in microseconds between the ends of consecutive steps of one generation, over worlds of this
     * size if they made at least five such steps, otherwise over all worlds.
     */
    private static double normalStep(List<Made> steps, int size) {
        List<Double> here = new ArrayList<>();
        List<Double> all = new ArrayList<>();
        for (int i = 1; i < steps.size(); i++) {
            Made step = steps.get(i);
            if (steps.get(i - 1).generation == step.generation) {
                double length = step.end() - steps.get(i - 1).end();
                all.add(length);
                if (step.size == size) {
                    here.add(length);
                }
            }
        }
        List<Double> sample = (here.size() >= 5 ? here : all).stream().sorted().toList();
        return sample.isEmpty() ? 0 : rank(sample, 0.5);
    }

    /** The percentile by the nearest-rank method. */
    private static double rank(List<Double> sorted, double share) {
        return sorted.get(Math.max(0, (int) Math.ceil(share * sorted.size()) - 1));
    }

    /** The most severe fault that hit one of the members that left between the two steps. */
    private String cause(Made before, Made after) {
        Set<String> left = new HashSet<>(history.members(before.generation, after.generation));
        left.removeAll(history.members(after.generation, after.generation));
        return CAUSES.stream()
                .filter(cause -> faults.stream()
                        .anyMatch(fault -> fault.kind() == cause.getKey()
                                && fault.at() <= after.end()
                                && fault.pods().stream().anyMatch(left::contains)))
                .findFirst()
                .map(Map.Entry::getValue)
                .orElse(RESIZE);
    }
}
