package io.swav.chaos;

import io.swav.api.JournalEvent;
import io.swav.chaos.InjectedFault.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Looks for what faults must leave in the trainers' journals, so that a storm cannot pass because its faults did nothing, and
 * checks that those that pods survive cost one step at most.
 */
final class FaultTraces {
    private final Map<String, Journal> journals;
    private final List<InjectedFault> faults;
    private final MergedHistory history;

    FaultTraces(Map<String, Journal> journals, List<InjectedFault> faults, MergedHistory history) {
        this.journals = journals;
        this.faults = faults;
        this.history = history;
    }

    /** Describes every fault whose traces are not as they should be. */
    List<String> problems() {
        List<String> problems = new ArrayList<>();
        for (InjectedFault fault : faults) {
            if (fault.kind() == Kind.DELAY && !delayed(fault)) {
                problems.add(unseen(fault, "every step was made without the delayed bytes"));
            } else if (fault.kind().bySelf()
                    && dropped(event -> event.step() == fault.step()).findAny().isEmpty()) {
                problems.add(unseen(fault, "no trainer dropped that step"));
            } else if (fault.kind().lineFault().isPresent() && fault.kind().dropsAStep()) {
                checkBroken(fault, problems);
            } else if (fault.kind().isNewcomer()) {
                fault.pods().stream()
                        .filter(pod ->
                                journals.getOrDefault(pod, Journal.empty()).has(JournalEvent.FORMED))
                        .forEach(pod -> problems.add(pod + " entered the world, although " + fault.way()));
            }
        }
        return problems;
    }

    private static String unseen(InjectedFault fault, String why) {
        return "not seen: " + fault.way() + " (at step " + fault.step() + "): " + why;
    }

    private void checkBroken(InjectedFault fault, List<String> problems) {
        long end = faults.stream()
                .filter(other -> !other.kind().bySelf() && other.at() > fault.at())
                .mapToLong(InjectedFault::at)
                .min()
                .orElse(Long.MAX_VALUE);
        Predicate<Journal.Event> within = event -> event.at() >= fault.at() && event.at() < end;
        if (events().filter(Journal.Event::isBreak).noneMatch(within)) {
            problems.add(unseen(fault, "no trainer dropped a step or formed its world again"));
        }
        long steps = dropped(within)
                .filter(event -> !wasApplied(event))
                .map(event -> List.of(event.generation(), event.step()))
                .distinct()
                .count();
        if (steps > 1) {
            problems.add(fault.way() + " (at step " + fault.step() + ") cost " + steps
                    + " steps, but only the one in flight may be dropped");
        }
    }

    /**
     * Whether another rank applied the step that this one dropped, and gave it its state: damage to the last bytes of a step
     * is found by one rank, and drops the next step of the others.
     */
    private boolean wasApplied(Journal.Event dropped) {
        return journals.values().stream()
                .flatMap(journal -> journal.steps().stream())
                .anyMatch(step -> step.step() == dropped.step()
                        && step.generation() == dropped.generation()
                        && step.start() < dropped.at());
    }

    private Stream<Journal.Event> dropped(Predicate<Journal.Event> which) {
        return events().filter(event -> event.event() == JournalEvent.DROPPED).filter(which);
    }

    private Stream<Journal.Event> events() {
        return journals.values().stream().flatMap(journal -> journal.events().stream());
    }

    /** Whether a step waited for the delayed bytes. */
    private boolean delayed(InjectedFault fault) {
        return history.kept().values().stream()
                .anyMatch(step -> step.start() <= fault.at() && step.end() >= fault.until());
    }
}
