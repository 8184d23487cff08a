package io.swav.chaos;

import io.swav.api.JournalEvent;
import io.swav.api.TrainingSpec;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.MergedHistory.Lost;
import io.swav.chaos.MergedHistory.Made;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Checks a storm against the promises: a function of the trainers' journals, the injected faults and, if it exists, the
 * baseline run. {@link SampleAudit} counts the samples, {@link StormTimes} measures what the faults cost.
 */
final class StormJudge {
    /**
     * What the run should have produced.
     *
     * @param steps number of steps of the job; 0 if the run was stopped by the clock
     * @param lostByRestart steps that may be lost if no trainer survives: those since the newest checkpoint
     */
    record Expectations(
            long steps, long seed, TrainingSpec.Reproducibility reproducibility, Order order, long lostByRestart) {
        boolean bitwise() {
            return reproducibility == TrainingSpec.Reproducibility.Bitwise;
        }
    }

    /** Which samples belong to a 0-based step. */
    interface Order {
        long epochOf(long step);

        List<Long> samplesOf(long step);
    }

    /**
     * How the final model and optimizer compare with the baseline's.
     *
     * @param relativeL2 norm of the difference of the models' weights over the norm of the baseline's weights
     */
    record Weights(boolean equal, double relativeL2) {}

    /**
     * The same job undisturbed.
     *
     * @param weights empty if one of the runs did not complete
     */
    record BaselineRun(Map<String, Journal> journals, Optional<Weights> weights) {}

    private final Map<String, Journal> journals;
    private final List<InjectedFault> faults;
    private final Expectations expected;
    private final MergedHistory history;
    private final List<String> broken = new ArrayList<>();

    private StormJudge(Map<String, Journal> journals, List<InjectedFault> faults, Expectations expected) {
        this.journals = journals;
        this.faults = faults;
        this.expected = expected;
        this.history = MergedHistory.of(journals);
    }

    static StormReport judge(
            Map<String, Journal> journals,
            Storm.StormOutcome outcome,
            Optional<BaselineRun> baseline,
            Expectations expected) {
        return new StormJudge(journals, outcome.faults(), expected).judge(outcome, baseline);
    }

    private StormReport judge(Storm.StormOutcome outcome, Optional<BaselineRun> baseline) {
        StormTimes times = new StormTimes(history, faults);
        broken.addAll(outcome.missed());
        broken.addAll(new FaultTraces(journals, faults, history).problems());
        checkWhole();
        int wrongSamples = samplesNotExactlyOnce();
        Map<Boolean, Integer> lost = stepsLost();
        Optional<Boolean> lossEqual = baseline.map(b -> lossEqual(MergedHistory.of(b.journals())));
        Optional<Weights> weights = baseline.flatMap(BaselineRun::weights);
        if (expected.bitwise() && weights.isPresent() && !weights.get().equal()) {
            broken.add(String.format(
                    Locale.ROOT,
                    "the weights are not those of the baseline run: relative difference %.3g, in mode Bitwise it must be 0",
                    weights.get().relativeL2()));
        }
        return new StormReport(
                lost.getOrDefault(true, 0),
                lost.getOrDefault(false, 0),
                count(Kind.KILL) + count(Kind.KILL_ALL_BUT_ONE) + count(Kind.KILL_ALL),
                count(Kind.NOTICE),
                count(Kind.RESIZE),
                count(Kind.HANG),
                count(Kind.NODE),
                otherFaults(),
                outcome.incidents(),
                times.goodput(),
                times.pauses(),
                times.stages(journals.values()),
                wrongSamples,
                weights.map(Weights::equal).orElse(null),
                weights.map(Weights::relativeL2).orElse(null),
                lossEqual.orElse(null),
                survivorsKeptProcess(),
                outcome.wallSeconds(),
                stepsDuring(Kind.API_AWAY),
                stepsDuring(Kind.OPERATOR_AWAY),
                expected.reproducibility(),
                expected.seed(),
                history.kept().size(),
                List.copyOf(broken));
    }

    private int count(Kind kind) {
        return (int) faults.stream().filter(fault -> fault.kind() == kind).count();
    }

    /** The faults of the kinds that the report has no field for, by the kind's name. */
    private Map<String, Integer> otherFaults() {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (Kind kind : Kind.values()) {
            if (kind.compareTo(Kind.OPERATOR_AWAY) > 0 && count(kind) > 0) {
                counts.put(kind.plural, count(kind));
            }
        }
        return counts;
    }

    /** Checks that every step was made, each in a world no older than that of the step before. */
    private void checkWhole() {
        long steps = expected.steps() > 0 ? expected.steps() : history.kept().size();
        for (long step = 0; step < steps; step++) {
            if (!history.kept().containsKey(step)) {
                broken.add("no trainer recorded that it applied step " + step);
                return;
            }
        }
        if (history.kept().size() > steps) {
            broken.add("steps were made beyond the last, " + (steps - 1) + ": up to "
                    + history.kept().lastKey());
        }
        Made before = null;
        for (Map.Entry<Long, Made> entry : history.kept().entrySet()) {
            if (before != null && entry.getValue().generation < before.generation) {
                broken.add("step " + entry.getKey() + " was made in generation " + entry.getValue().generation
                        + ", the step before in generation " + before.generation + ": two worlds trained at once");
                return;
            }
            before = entry.getValue();
        }
    }

    private int samplesNotExactlyOnce() {
        Map<Long, Integer> wrong = new SampleAudit(journals, faults, history).wrongByEpoch(expected.order());
        wrong.forEach((epoch, samples) ->
                broken.add("epoch " + epoch + ": " + samples + " samples were fed twice, or never"));
        return wrong.values().stream().mapToInt(Integer::intValue).sum();
    }

    /** The number of steps that were begun or applied and then discarded; key true: lost with notice. */
    private Map<Boolean, Integer> stepsLost() {
        Map<Boolean, Integer> counts = new HashMap<>();
        Map<InjectedFault, Integer> byDeath = new LinkedHashMap<>();
        for (Lost lost : history.lost()) {
            Optional<InjectedFault> death = death(lost);
            counts.merge(death.isEmpty(), 1, Integer::sum);
            if (death.isEmpty()) {
                broken.add("step " + lost.step() + " of generation " + lost.generation()
                        + " was begun and dropped, although no trainer had died");
            } else {
                byDeath.merge(death.get(), 1, Integer::sum);
            }
        }
        byDeath.forEach((death, steps) -> {
            long allowed = death.kind() == Kind.KILL_ALL ? expected.lostByRestart() + 1 : 1;
            if (steps > allowed) {
                broken.add(death.way() + " at step " + death.step() + " cost " + steps + " steps, but at most "
                        + allowed + " may be lost");
            }
        });
        return counts;
    }

    /**
     * The newest fault without notice, before the step was dropped, that hit a member of its world. It may also have
     * hit a pod that died while that world formed, before it could record that. One that a trainer injects into itself
     * belongs to its step.
     */
    private Optional<InjectedFault> death(Lost lost) {
        Set<String> members = history.members(lost.generation(), lost.generation());
        long formed = history.formed(lost.generation());
        Optional<InjectedFault> own = faults.stream()
                .filter(fault -> fault.kind().bySelf() && fault.step() == lost.step())
                .findFirst();
        if (own.isPresent()) {
            return own;
        }
        return faults.stream()
                .filter(fault -> !fault.kind().withNotice() && !fault.kind().bySelf())
                .filter(fault -> fault.at() <= lost.at() || fault.kind() == Kind.KILL_ALL)
                .filter(fault -> fault.at() >= formed || fault.pods().stream().anyMatch(members::contains))
                .max(Comparator.comparingLong(InjectedFault::at));
    }

    private boolean lossEqual(MergedHistory baseline) {
        for (Map.Entry<Long, Made> entry : history.kept().entrySet()) {
            Optional<Journal.Step> here = entry.getValue().agreed();
            Optional<Journal.Step> there =
                    Optional.ofNullable(baseline.kept().get(entry.getKey())).flatMap(Made::agreed);
            if (here.isEmpty() || there.isEmpty() || !here.get().sameLoss(there.get())) {
                if (expected.bitwise()) {
                    broken.add("the loss of step " + entry.getKey() + " is " + text(here)
                            + ", in the baseline run it is " + text(there));
                }
                return false;
            }
        }
        return true;
    }

    private static String text(Optional<Journal.Step> step) {
        return step.map(s -> Double.toString(s.loss())).orElse("not the same on all ranks, or missing");
    }

    private @Nullable Long stepsDuring(Kind absence) {
        List<InjectedFault> all =
                faults.stream().filter(fault -> fault.kind() == absence).toList();
        if (all.isEmpty()) {
            return null;
        }
        long made = history.kept().values().stream()
                .filter(step -> all.stream().anyMatch(fault -> step.start() > fault.at() && step.end() < fault.until()))
                .count();
        if (made == 0) {
            broken.add("no step was made while " + all.get(0).way());
        }
        return made;
    }

    private boolean survivorsKeptProcess() {
        int before = broken.size();
        Set<String> hit = new HashSet<>();
        faults.stream().filter(fault -> fault.kind().endsPods()).forEach(fault -> hit.addAll(fault.pods()));
        journals.forEach((pod, journal) -> {
            long processes = journal.events().stream()
                    .map(Journal.Event::pid)
                    .filter(pid -> pid > 0)
                    .distinct()
                    .count();
            if (processes > 1) {
                broken.add(pod + " was " + processes + " processes");
            }
            boolean joined = journal.has(JournalEvent.FORMED);
            if (joined && !journal.ended() && !hit.contains(pod) && expected.steps() > 0) {
                broken.add(pod + " ended in the middle, although no fault had hit it");
            }
        });
        return broken.size() == before;
    }
}
