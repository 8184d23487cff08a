package io.swav.planner;

import io.swav.api.Fingerprints;
import io.swav.api.TrainingSettings;
import io.swav.api.World;
import io.swav.planner.PodState.Ready;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Determines which pods may train together: those that train with the same data, configuration, build and, in mode
 * Bitwise, the same arithmetic ({@link Fingerprints}) as the members that hold the job's state. If no member holds it,
 * what most pods train with decides; if several are equally common, that of the lower rank, or else of the older pod.
 * Pods that differ are kept out of the world and train when they agree, as after the last holder of the state has gone.
 */
public final class Agreement {
    /** The number of pods that are described. */
    private static final int NAMED = 3;

    private final Fingerprints job;
    private final Map<String, ObservedPod> keptOut;

    private Agreement(Fingerprints job, Map<String, ObservedPod> keptOut) {
        this.job = job;
        this.keptOut = keptOut;
    }

    /**
     * Compares pods.
     *
     * @param pods that can take part, as far as is known
     * @param settings of the job, to name those in which a pod's differ; may be empty
     */
    public static Agreement of(World world, List<ObservedPod> pods, SortedMap<String, String> settings) {
        Map<String, ObservedPod> byUid = pods.stream().collect(Collectors.toMap(ObservedPod::uid, pod -> pod));
        List<ObservedPod> members = world.members().stream()
                .flatMap(member -> Optional.ofNullable(byUid.get(member.uid())).stream())
                .filter(ObservedPod::isAlive)
                .toList();
        List<ObservedPod> newcomers = pods.stream()
                .filter(pod ->
                        pod.state() instanceof Ready && world.rankOf(pod.uid()).isEmpty())
                .sorted(ObservedPod.BY_AGE)
                .toList();
        List<ObservedPod> all =
                Stream.concat(members.stream(), newcomers.stream()).toList();
        List<ObservedPod> holders =
                members.stream().filter(pod -> pod.signals().holdsState()).toList();
        Fingerprints job = mostCommon(holders.isEmpty() ? all : holders);
        Map<String, ObservedPod> keptOut = new LinkedHashMap<>();
        all.stream()
                .filter(pod -> !pod.facts().fingerprints().agreesWith(job))
                .filter(pod -> isKnown(pod) || !members.contains(pod)) // a member that has yet to report is not put out
                .forEach(pod -> keptOut.put(pod.uid(), pod));
        boolean known = TrainingSettings.digest(settings).equals(job.config());
        return new Agreement(known ? job.withSettings(settings) : job, keptOut);
    }

    private static boolean isKnown(ObservedPod pod) {
        return !pod.facts().fingerprints().equals(Fingerprints.NONE);
    }

    /** Returns what most pods report that they train with; of several the first; nothing if none reports it. */
    private static Fingerprints mostCommon(List<ObservedPod> pods) {
        Map<Long, Integer> counts = new LinkedHashMap<>();
        List<ObservedPod> known = pods.stream().filter(Agreement::isKnown).toList();
        known.forEach(pod -> counts.merge(pod.facts().fingerprints().key(), 1, Integer::sum));
        int most = counts.values().stream().mapToInt(count -> count).max().orElse(0);
        return known.stream()
                .map(pod -> pod.facts().fingerprints())
                .filter(fingerprints -> counts.getOrDefault(fingerprints.key(), 0) == most)
                .findFirst()
                .orElse(Fingerprints.NONE);
    }

    /** Returns what the job trains with; {@link Fingerprints#NONE} if that is unknown. */
    Fingerprints job() {
        return job;
    }

    boolean admits(ObservedPod pod) {
        return !keptOut.containsKey(pod.uid());
    }

    /** Returns how a pod that is kept out differs from the job. */
    String difference(ObservedPod pod) {
        Fingerprints own = pod.facts().fingerprints();
        if (own.equals(Fingerprints.NONE) || job.equals(Fingerprints.NONE)) {
            return own.equals(Fingerprints.NONE)
                    ? "does not report what it trains with, like a trainer of an earlier version"
                    : "reports what it trains with, unlike the job's trainers, which are of an earlier version";
        }
        return String.join(" and ", own.differences(job));
    }

    /** Returns the names of the pods that are kept out; empty if there are none. */
    Optional<String> names() {
        return keptOut.isEmpty()
                ? Optional.empty()
                : Optional.of(Names.of(
                        keptOut.values().stream().map(ObservedPod::name).toList()));
    }

    /** Describes the pods that are kept out, what it means for the job and what to do; empty if there are none. */
    public Optional<String> sentence() {
        List<ObservedPod> described =
                keptOut.values().stream().filter(pod -> !isStarting(pod)).toList();
        if (described.isEmpty()) {
            return Optional.empty();
        }
        List<String> parts = new ArrayList<>();
        Set<String> waysOut = new LinkedHashSet<>();
        for (ObservedPod pod : described) {
            if (parts.size() < NAMED) {
                parts.add(pod.described() + " " + difference(pod));
            }
            waysOut.addAll(waysOut(pod.facts().fingerprints()));
        }
        int more = described.size() - parts.size();
        return Optional.of(described.size() + (described.size() == 1 ? " pod is" : " pods are")
                + " kept out of the world, and training goes without: " + String.join("; ", parts)
                + (more > 0 ? "; and " + more + " more" : "") + ". To change that: " + String.join("; ", waysOut));
    }

    /** Whether the pod has yet to report anything; with the first report it may agree. */
    private boolean isStarting(ObservedPod pod) {
        return !isKnown(pod) && pod.signals().silence() == null && !job.equals(Fingerprints.NONE);
    }

    private List<String> waysOut(Fingerprints own) {
        String oneImage = "suspend the job and resume it, so that all pods run one image";
        if (own.equals(Fingerprints.NONE) || job.equals(Fingerprints.NONE)) {
            return List.of(oneImage);
        }
        List<String> ways = new ArrayList<>();
        if (own.samples() != job.samples() || !own.data().equals(job.data())) {
            ways.add("mount the same data on every node, then delete the pod");
        }
        if (own.wire() != job.wire() || !own.build().equals(job.build())) {
            ways.add(oneImage);
        }
        if (!own.config().equals(job.config())) {
            ways.add("delete the pod, so that its successor reads the present configuration");
        }
        if (ways.isEmpty()) {
            ways.add("keep the job on nodes of one family, or give all pods a common instruction set in spec.template"
                    + " (docs/concepts.md), or use reproducibility Fast in a new job");
        }
        return ways;
    }
}
