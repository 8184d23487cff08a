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
 * Holds a storm against what was promised: a function of what the trainers wrote down, of what the storm did, and of
 * the quiet run, if there was one.
 */
final class StormJudge {
    /**
     * What was wanted.
     *
     * @param steps of the job; 0 if the run was cut by the clock
     * @param lostByRestart steps that may be lost when nobody survives: those since the newest checkpoint
     */
    record Wanted(long steps, long seed, String reproducibility, Order order, long lostByRestart) {
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
     * How the model and optimizer at the end compare with the quiet run's.
     *
     * @param relativeL2 of the model's weights: norm of the difference over the norm of the quiet ones
     */
    record Weights(boolean equal, double relativeL2) {}

    /**
     * The same job undisturbed.
     *
     * @param weights empty if one of the runs did not go to its end
     */
    record Quiet(Map<String, Journal> journals, Optional<Weights> weights) {}

    private static final String RESIZE = "resize";

    private final Map<String, Journal> journals;
    private final List<InjectedFault> happenings;
    private final Wanted wanted;
    private final MergedHistory history;
    private final List<String> broken = new ArrayList<>();

    private StormJudge(Map<String, Journal> journals, List<InjectedFault> happenings, Wanted wanted) {
        this.journals = journals;
        this.happenings = happenings;
        this.wanted = wanted;
        this.history = MergedHistory.of(journals);
    }

    /** @param missed events that found no room, in words */
    static StormReport judge(
            Map<String, Journal> journals,
            List<InjectedFault> happenings,
            List<String> missed,
            Optional<Quiet> quiet,
            Wanted wanted,
            double wallSeconds) {
        return new StormJudge(journals, happenings, wanted).judge(missed, quiet, wallSeconds);
    }

    private StormReport judge(List<String> missed, Optional<Quiet> quiet, double wallSeconds) {
        broken.addAll(missed);
        checkWhole();
        int wrongSamples = samplesNotExactlyOnce();
        Map<Boolean, Integer> lost = stepsLost();
        Optional<Boolean> lossEqual = quiet.map(q -> lossEqual(MergedHistory.of(q.journals())));
        Optional<Weights> weights = quiet.flatMap(Quiet::weights);
        if (wanted.bitwise() && weights.isPresent() && !weights.get().equal()) {
            broken.add(String.format(
                    Locale.ROOT,
                    "the weights are not those of the quiet run: relative difference %.3g, in mode Bitwise it is 0",
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
                wanted.reproducibility(),
                wanted.seed(),
                history.kept().size(),
                List.copyOf(broken));
    }

    private int count(Kind kind) {
        return (int) happenings.stream().filter(h -> h.kind() == kind).count();
    }

    // ---- nothing is lost ----------------------------------------------------------------------------------------

    /** All steps, each in a world no older than that of the step before. */
    private void checkWhole() {
        long steps = wanted.steps() > 0 ? wanted.steps() : history.kept().size();
        for (long step = 0; step < steps; step++) {
            if (!history.kept().containsKey(step)) {
                broken.add("no trainer wrote down that it applied step " + step);
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
     * By epoch, every sample of every step made has to come once. A rank that died between its last collective and its
     * note of the step leaves no note: the others could not have applied the step without what it fed.
     */
    private int samplesNotExactlyOnce() {
        Map<Long, Map<Long, Integer>> fed = new TreeMap<>();
        Map<Long, Map<Long, Integer>> due = new TreeMap<>();
        history.kept().forEach((step, made) -> {
            long epoch = wanted.order().epochOf(step);
            Map<Long, Integer> counts = fed.computeIfAbsent(epoch, e -> new HashMap<>());
            Set<Long> unseen = new HashSet<>(wanted.order().samplesOf(step));
            unseen.forEach(
                    sample -> due.computeIfAbsent(epoch, e -> new HashMap<>()).merge(sample, 1, Integer::sum));
            for (Journal.Step note : made.byPod.values()) {
                for (Long sample : note.samples()) {
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
            Map<Long, Integer> wantedCounts = due.getOrDefault(epoch.getKey(), Map.of());
            Set<Long> samples = new HashSet<>(epoch.getValue().keySet());
            samples.addAll(wantedCounts.keySet());
            long wrongHere = samples.stream()
                    .filter(s -> !epoch.getValue().getOrDefault(s, 0).equals(wantedCounts.getOrDefault(s, 0)))
                    .count();
            if (wrongHere > 0) {
                broken.add("epoch " + epoch.getKey() + ": " + wrongHere + " samples were fed twice, or never");
            }
            wrong += (int) wrongHere;
        }
        return wrong;
    }

    /** Whether every rank without a note of the step was hit, or had its own attempt fail and took over the state. */
    private boolean silenceExplained(long step, Made made) {
        Set<String> silent = new HashSet<>(history.members(made.generation, made.generation));
        silent.removeAll(made.byPod.keySet());
        return silent.stream()
                .allMatch(pod -> happenings.stream().anyMatch(h -> h.pods().contains(pod))
                        || journals.getOrDefault(pod, Journal.empty()).events().stream()
                                .anyMatch(e -> e.event().equals("dropped")
                                        && e.generation() == made.generation
                                        && e.step() == step));
    }

    /** Steps begun or applied that came to nothing; true: with notice. */
    private Map<Boolean, Integer> stepsLost() {
        Map<Boolean, Integer> counts = new HashMap<>();
        Map<InjectedFault, Integer> byDeath = new LinkedHashMap<>();
        for (Lost lost : history.lost()) {
            Optional<InjectedFault> death = death(lost);
            counts.merge(death.isEmpty(), 1, Integer::sum);
            if (death.isEmpty()) {
                broken.add("step " + lost.step() + " of generation " + lost.generation()
                        + " was begun and dropped, though nobody had died");
            } else {
                byDeath.merge(death.get(), 1, Integer::sum);
            }
        }
        byDeath.forEach((death, steps) -> {
            long allowed = death.kind() == Kind.KILL_ALL ? wanted.lostByRestart() + 1 : 1;
            if (steps > allowed) {
                broken.add(death.way() + " at step " + death.step() + " cost " + steps + " steps, " + allowed
                        + " is the most");
            }
        });
        return counts;
    }

    /**
     * The newest death, before the step was dropped, of a member of its world; also of one that died while that world
     * formed, before it could write so.
     */
    private Optional<InjectedFault> death(Lost lost) {
        Set<String> members = history.members(lost.generation(), lost.generation());
        long formed = history.formed(lost.generation());
        return happenings.stream()
                .filter(h -> !h.kind().withNotice())
                .filter(h -> h.at() <= lost.at() || h.kind() == Kind.KILL_ALL)
                .filter(h -> h.at() >= formed || h.pods().stream().anyMatch(members::contains))
                .max(Comparator.comparingLong(InjectedFault::at));
    }

    // ---- the maths ----------------------------------------------------------------------------------------------

    private boolean lossEqual(MergedHistory quiet) {
        for (Map.Entry<Long, Made> entry : history.kept().entrySet()) {
            Optional<Journal.Step> here = entry.getValue().agreed();
            Optional<Journal.Step> there =
                    Optional.ofNullable(quiet.kept().get(entry.getKey())).flatMap(Made::agreed);
            if (here.isEmpty() || there.isEmpty() || !here.get().sameLoss(there.get())) {
                if (wanted.bitwise()) {
                    broken.add("the loss of step " + entry.getKey() + " is " + text(here) + ", in the quiet run it is "
                            + text(there));
                }
                return false;
            }
        }
        return true;
    }

    private static String text(Optional<Journal.Step> step) {
        return step.map(s -> Double.toString(s.loss())).orElse("not the same on all ranks, or missing");
    }

    // ---- the time -----------------------------------------------------------------------------------------------

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

    /** Microseconds from end to end within one generation: the median, of worlds of this size if there are a few. */
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

    /** Nearest rank. */
    private static double rank(List<Double> sorted, double share) {
        return sorted.get(Math.max(0, (int) Math.ceil(share * sorted.size()) - 1));
    }

    /** The worst that happened to those who left between the two. */
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
                .filter(kind -> happenings.stream()
                        .anyMatch(h -> h.kind() == kind
                                && h.at() <= after.end()
                                && h.pods().stream().anyMatch(left::contains)))
                .findFirst()
                .map(names::get)
                .orElse(RESIZE);
    }

    private @Nullable Long stepsDuring(Kind absence) {
        List<InjectedFault> all =
                happenings.stream().filter(h -> h.kind() == absence).toList();
        if (all.isEmpty()) {
            return null;
        }
        long made = history.kept().values().stream()
                .filter(step -> all.stream().anyMatch(h -> step.start() > h.at() && step.end() < h.until()))
                .count();
        if (made == 0) {
            broken.add("no step was made while " + all.get(0).way());
        }
        return made;
    }

    // ---- the processes ------------------------------------------------------------------------------------------

    private boolean survivorsKeptProcess() {
        int before = broken.size();
        Set<String> hit = new HashSet<>();
        happenings.forEach(h -> hit.addAll(h.pods()));
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
            if (joined && !journal.ended() && !hit.contains(pod) && wanted.steps() > 0) {
                broken.add(pod + " ended in the middle, though nobody touched it");
            }
        });
        return broken.size() == before;
    }
}
