package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.MergedHistory.Lost;
import io.swav.chaos.MergedHistory.Made;
import io.swav.chaos.StormReport.Pause;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Checks a storm against the promises: a function of the trainers' journals, the injected faults and, if it exists, the
 * baseline run.
 */
final class StormJudge {
    /**
     * What the run should have produced.
     *
     * @param steps number of steps of the job; 0 if the run was stopped by the clock
     * @param lostByRestart steps that may be lost if no trainer survives: those since the newest checkpoint
     */
    record Expectations(long steps, long seed, String reproducibility, Order order, long lostByRestart) {
        boolean bitwise() {
            return reproducibility.equals("Bitwise");
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

    private static final String RESIZE = "resize";

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

    /** @param missed descriptions of the planned faults that were never injected */
    static StormReport judge(
            Map<String, Journal> journals,
            List<InjectedFault> faults,
            List<String> missed,
            Optional<BaselineRun> baseline,
            Expectations expected,
            double wallSeconds) {
        return new StormJudge(journals, faults, expected).judge(missed, baseline, wallSeconds);
    }

    private StormReport judge(List<String> missed, Optional<BaselineRun> baseline, double wallSeconds) {
        broken.addAll(missed);
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
                goodput(),
                pauses(),
                wrongSamples,
                weights.map(Weights::equal).orElse(null),
                weights.map(Weights::relativeL2).orElse(null),
                lossEqual.orElse(null),
                survivorsKeptProcess(),
                wallSeconds,
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

    // ---- completeness -------------------------------------------------------------------------------------------

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

    /**
     * Checks, by epoch, that every sample of every step made was fed exactly once. A rank that died after the step's last
     * collective and before it recorded the step leaves no record, but its samples count as fed: without them the other
     * ranks could not have applied the step.
     */
    private int samplesNotExactlyOnce() {
        Map<Long, Map<Long, Integer>> fed = new TreeMap<>();
        Map<Long, Map<Long, Integer>> due = new TreeMap<>();
        history.kept().forEach((step, made) -> {
            long epoch = expected.order().epochOf(step);
            Map<Long, Integer> counts = fed.computeIfAbsent(epoch, e -> new HashMap<>());
            Set<Long> unseen = new HashSet<>(expected.order().samplesOf(step));
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
        int wrong = 0;
        for (Map.Entry<Long, Map<Long, Integer>> epoch : fed.entrySet()) {
            Map<Long, Integer> expectedCounts = due.getOrDefault(epoch.getKey(), Map.of());
            Set<Long> samples = new HashSet<>(epoch.getValue().keySet());
            samples.addAll(expectedCounts.keySet());
            long wrongHere = samples.stream()
                    .filter(s -> !epoch.getValue().getOrDefault(s, 0).equals(expectedCounts.getOrDefault(s, 0)))
                    .count();
            if (wrongHere > 0) {
                broken.add("epoch " + epoch.getKey() + ": " + wrongHere + " samples were fed twice, or never");
            }
            wrong += (int) wrongHere;
        }
        return wrong;
    }

    /**
     * Whether every rank without a record of the step was hit by a fault, or dropped its own attempt and adopted the state
     * of another rank.
     */
    private boolean silenceExplained(long step, Made made) {
        Set<String> silent = new HashSet<>(history.members(made.generation, made.generation));
        silent.removeAll(made.byPod.keySet());
        return silent.stream()
                .allMatch(pod -> faults.stream().anyMatch(fault -> fault.pods().contains(pod))
                        || journals.getOrDefault(pod, Journal.empty()).events().stream()
                                .anyMatch(e -> e.event().equals("dropped")
                                        && e.generation() == made.generation
                                        && e.step() == step));
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
     * The newest fault without notice, before the step was dropped, that hit a member of its world. It may also have hit a
     * pod that died while that world formed, before it could record that.
     */
    private Optional<InjectedFault> death(Lost lost) {
        Set<String> members = history.members(lost.generation(), lost.generation());
        long formed = history.formed(lost.generation());
        return faults.stream()
                .filter(fault -> !fault.kind().withNotice())
                .filter(fault -> fault.at() <= lost.at() || fault.kind() == Kind.KILL_ALL)
                .filter(fault -> fault.at() >= formed || fault.pods().stream().anyMatch(members::contains))
                .max(Comparator.comparingLong(InjectedFault::at));
    }

    // ---- weights and losses -------------------------------------------------------------------------------------

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

    // ---- time ---------------------------------------------------------------------------------------------------

    private double goodput() {
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

    private Map<String, Pause> pauses() {
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

    /**
     * The median time in microseconds between the ends of consecutive steps of one generation, over worlds of this size if
     * they made at least five such steps, otherwise over all worlds.
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
        Map<Kind, String> names = new EnumMap<>(Kind.class);
        names.put(Kind.KILL_ALL, "restart");
        names.put(Kind.HANG, "hang");
        names.put(Kind.NODE, "node");
        names.put(Kind.KILL_ALL_BUT_ONE, "kill");
        names.put(Kind.KILL, "kill");
        names.put(Kind.NOTICE, "notice");
        return Stream.of(Kind.KILL_ALL, Kind.HANG, Kind.NODE, Kind.KILL_ALL_BUT_ONE, Kind.KILL, Kind.NOTICE)
                .filter(kind -> faults.stream()
                        .anyMatch(fault -> fault.kind() == kind
                                && fault.at() <= after.end()
                                && fault.pods().stream().anyMatch(left::contains)))
                .findFirst()
                .map(names::get)
                .orElse(RESIZE);
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

    // ---- processes ----------------------------------------------------------------------------------------------

    private boolean survivorsKeptProcess() {
        int before = broken.size();
        Set<String> hit = new HashSet<>();
        faults.forEach(fault -> hit.addAll(fault.pods()));
        journals.forEach((pod, journal) -> {
            long processes = journal.events().stream()
                    .map(Journal.Event::pid)
                    .filter(pid -> pid > 0)
                    .distinct()
                    .count();
            if (processes > 1) {
                broken.add(pod + " was " + processes + " processes");
            }
            boolean joined = journal.events().stream().anyMatch(e -> e.event().equals("formed"));
            if (joined && !journal.ended() && !hit.contains(pod) && expected.steps() > 0) {
                broken.add(pod + " ended in the middle, although no fault had hit it");
            }
        });
        return broken.size() == before;
    }
}
