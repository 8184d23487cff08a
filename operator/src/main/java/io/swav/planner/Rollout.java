package io.swav.planner;

import io.swav.api.Fingerprints;
import io.swav.api.World;
import io.swav.planner.Hold.Kind;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Starting;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Decides which pods are replaced because the template has changed since they were made.
 *
 * <p>Pods that have not started are replaced at once. Running ones are replaced one at a time, those outside the world
 * first, then the members from the highest rank down: the pod is deleted, which is notice, so it costs no step, and the
 * next one follows when its successor has made a step with the others. If one more pod may run, or there are spares, the
 * successor is Ready before the member leaves. A template whose pods do not come up therefore costs one member at most,
 * and none if a successor comes first.
 *
 * <p>If a successor is of another build, it cannot train with the others ({@link Agreement}). Then all pods of the
 * earlier template leave together, as for a suspension: they save the state, and the successors resume from it.
 */
final class Rollout {
    /** Pods in a row that fail before the template counts as unable to run. */
    private static final int FAILING = 3;

    private final PlannerInput input;
    private final JobPolicy policy;
    private final PlannerState state;
    private final LiveMembers liveMembers;
    private final WantedTemplate template;
    private final String unmarked;
    private final List<ObservedPod> counted;
    private final List<ObservedPod> outdated;
    private final List<ObservedPod> unstarted;
    private final List<ObservedPod> running;

    /** @param state in which this plan's incidents have been recorded */
    Rollout(JobPolicy policy, PlannerInput input, PlannerState state, LiveMembers liveMembers) {
        this.input = input;
        this.policy = policy;
        this.state = state;
        this.liveMembers = liveMembers;
        this.template = input.template();
        this.unmarked = unmarked(input);
        this.counted = input.pods().stream()
                .filter(liveMembers::counts)
                .sorted(ObservedPod.BY_AGE)
                .toList();
        this.outdated = counted.stream().filter(this::isOutdated).toList();
        this.unstarted = outdated.stream().filter(this::isUnstarted).toList();
        this.running = outdated.stream().filter(pod -> !unstarted.contains(pod)).toList();
    }

    /** Pods without a mark are taken to be of the template that was there when the first was seen. */
    private static String unmarked(PlannerInput input) {
        String known = input.state().rollout().unmarked();
        return known.isEmpty() ? input.template().revision() : known;
    }

    /** Whether a pod was made from another template than the present one. */
    static boolean isOutdated(PlannerInput input, ObservedPod pod) {
        String own = pod.object().revision();
        return input.template().isUsable()
                && !(own.isEmpty() ? unmarked(input) : own)
                        .equals(input.template().revision());
    }

    private boolean isOutdated(ObservedPod pod) {
        return isOutdated(input, pod);
    }

    /**
     * Whether a pod's failure shows that a changed template cannot run, and not that the job cannot: the world trains with
     * pods of an earlier template alone.
     */
    static boolean isTrial(PlannerInput input, ObservedPod pod) {
        List<ObservedPod> members = input.members();
        return input.template().isUsable()
                && !isOutdated(input, pod)
                && input.world().rankOf(pod.uid()).isEmpty()
                && !members.isEmpty()
                && members.stream().allMatch(member -> isOutdated(input, member));
    }

    private boolean isUnstarted(ObservedPod pod) {
        return pod.state() instanceof Starting && pod.signals().silence() == null && !isMember(pod);
    }

    private boolean isMember(ObservedPod pod) {
        return input.world().rankOf(pod.uid()).isPresent();
    }

    private boolean rolls() {
        return template.rolling() && !template.paused() && !running.isEmpty();
    }

    /** Returns how many pods beyond the wanted ones run, so that a successor comes before the member that it replaces. */
    int surge() {
        return rolls() && template.oneMore() && policy.spares() == 0 && !world().isEmpty() ? 1 : 0;
    }

    private List<World.Member> world() {
        return input.world().members();
    }

    // ---- which pods leave ---------------------------------------------------------------------------------------

    /**
     * Returns the pods to delete now, and why.
     *
     * @param regroups whether this plan publishes a world, which pods that run are to enter first
     */
    Map<ObservedPod, String> leaving(boolean regroups) {
        Map<ObservedPod, String> leaving = new LinkedHashMap<>();
        unstarted.forEach(pod -> leaving.put(pod, "spec.template has changed before it started"));
        if (rolls() && !regroups) {
            next().forEach(pod -> leaving.put(pod, why()));
        }
        return leaving;
    }

    private String why() {
        return otherBuild().isPresent()
                ? "spec.template has another build, so all pods are replaced together, and training resumes from the"
                        + " checkpoint that they save"
                : "spec.template has changed; pods are replaced one at a time";
    }

    /** Returns the running pods that leave now. */
    private List<ObservedPod> next() {
        boolean nothingToLose = liveMembers.present().isEmpty();
        if (nothingToLose || (otherBuild().isPresent() && template.resumable())) {
            return running;
        }
        if (obstacle().isPresent()) {
            return List.of();
        }
        return Stream.concat(
                        running.stream().filter(pod -> !isMember(pod)),
                        running.stream()
                                .filter(this::isMember)
                                .sorted(Comparator.comparing(this::rank).reversed()))
                .limit(1)
                .toList();
    }

    private int rank(ObservedPod pod) {
        return input.world().rankOf(pod.uid()).orElse(-1);
    }

    /**
     * Returns a successor that cannot train with the members because of its image alone. One with other data or another
     * processor would also differ from its own successors, so it is no reason to replace the members.
     */
    private Optional<ObservedPod> otherBuild() {
        return keptOut()
                .filter(pod -> {
                    Fingerprints own = pod.facts().fingerprints();
                    Fingerprints job = liveMembers.agreement().job();
                    return (own.wire() != job.wire() || !own.build().equals(job.build()))
                            && own.samples() == job.samples()
                            && own.data().equals(job.data());
                })
                .findFirst();
    }

    private Stream<ObservedPod> keptOut() {
        return counted.stream()
                .filter(pod -> pod.state() instanceof Ready
                        && !isOutdated(pod)
                        && !isMember(pod)
                        && !liveMembers.agreement().admits(pod));
    }

    // ---- what it waits for --------------------------------------------------------------------------------------

    /** Returns what has to happen before the next pod leaves; empty if nothing. */
    private Optional<String> obstacle() {
        return keptOut()
                .findFirst()
                .map(pod -> pod.name() + " " + liveMembers.agreement().difference(pod)
                        + ", so it does not train with the others")
                .or(this::unsettledWorld)
                .or(this::missingSuccessor);
    }

    /** A member leaves only from a world that has made a step, and that no other change is about to replace. */
    private Optional<String> unsettledWorld() {
        if (input.world().hold() || liveMembers.present().size() < world().size()) {
            return Optional.of("the next world forms");
        }
        boolean stepMade = liveMembers
                .presentPods()
                .allMatch(pod -> pod.state() instanceof Ready
                        && pod.signals().trainedIn() == input.world().generation());
        if (!stepMade) {
            return Optional.of("the present world has made a step");
        }
        return liveMembers
                .newcomers()
                .findFirst()
                .filter(pod -> world().size() < policy.target())
                .map(pod -> pod.name() + " has joined");
    }

    /**
     * The next pod leaves when there are as many pods as wanted, and all are Ready. A successor for which there is no room
     * may get that of the pod that leaves, if as many have joined as have left.
     */
    private Optional<String> missingSuccessor() {
        boolean needsRoom = starting().allMatch(Rollout::needsRoom) && (missing() <= 0 || template.noRoom());
        return isComplete() || (needsRoom && left() <= joined()) ? Optional.empty() : Optional.of(successor());
    }

    /** Whether there are as many pods as wanted, and all are Ready. */
    private boolean isComplete() {
        return starting().findAny().isEmpty() && missing() <= 0;
    }

    private Stream<ObservedPod> starting() {
        return counted.stream().filter(pod -> !(pod.state() instanceof Ready));
    }

    private int missing() {
        return policy.target() + policy.spares() + surge() - counted.size();
    }

    private String successor() {
        return starting()
                .filter(pod -> !isOutdated(pod))
                .findFirst()
                .map(pod -> pod.name() + " is ready (" + why(pod) + ")")
                .or(this::failed)
                .orElse("all wanted pods are ready");
    }

    private static String why(ObservedPod pod) {
        return pod.state() instanceof Starting starting ? starting.why() : "it reports a failure";
    }

    private Optional<String> failed() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Ended && !isOutdated(pod))
                .max(ObservedPod.BY_AGE)
                .filter(pod -> state.backoff().retryAt() != null)
                .map(pod ->
                        "a successor is ready; the last, " + pod.name() + ", ended: " + ((Ended) pod.state()).why());
    }

    private static boolean needsRoom(ObservedPod pod) {
        return Hold.of(pod)
                .filter(hold -> hold.reason().equals("Unschedulable"))
                .isPresent();
    }

    /** Returns the members of the earlier template that have left since the rollout began, whatever the cause. */
    private int left() {
        return Math.max(0, state.rollout().members() - outdatedMembers());
    }

    private int outdatedMembers() {
        return (int) running.stream().filter(this::isMember).count();
    }

    private int joined() {
        return (int) counted.stream()
                .filter(pod -> isMember(pod) && !isOutdated(pod))
                .count();
    }

    // ---- what is remembered and reported ------------------------------------------------------------------------

    /** Returns what to remember for the next plan. */
    PlannerState.RolloutState remembered() {
        boolean known = counted.stream().anyMatch(pod -> pod.object().revision().isEmpty());
        String assumed = known ? unmarked : "";
        if (!rolls() && !isFinishing()) {
            return new PlannerState.RolloutState("", 0, assumed);
        }
        return isKnown()
                ? new PlannerState.RolloutState(
                        template.revision(), state.rollout().members(), assumed)
                : new PlannerState.RolloutState(template.revision(), outdatedMembers(), assumed);
    }

    private boolean isKnown() {
        return template.isUsable() && state.rollout().revision().equals(template.revision());
    }

    /** Whether all pods have the present template, but the last successor has yet to come up. */
    private boolean isFinishing() {
        return isKnown() && running.isEmpty() && !isComplete();
    }

    /** @param regroups as for {@link #leaving} */
    RolloutReport report(boolean regroups) {
        String count = runningPresent() + " of " + counted.size() + " pods run the present spec.template";
        if (isFinishing()) {
            return new RolloutReport(
                    count + "; the last is replaced when " + successor(),
                    true,
                    needsAction(),
                    RolloutReport.Event.NONE);
        }
        if (running.isEmpty()) {
            return isKnown() ? new RolloutReport("", false, false, RolloutReport.Event.FINISHED) : RolloutReport.NONE;
        }
        if (!rolls()) {
            String why = template.rolling()
                    ? "; replacing the others is paused by the annotation swav.io/rollout-paused"
                    : "; the others get it when they are replaced (spec.rollout.type OnDelete)";
            return new RolloutReport(count + why, false, false, RolloutReport.Event.NONE);
        }
        return new RolloutReport(
                count + "; " + (regroups ? "the next one is replaced when the next world has formed" : progress()),
                true,
                needsAction(),
                isKnown() ? RolloutReport.Event.NONE : RolloutReport.Event.STARTED);
    }

    private long runningPresent() {
        return counted.stream()
                .filter(pod -> pod.state() instanceof Ready && !isOutdated(pod))
                .count();
    }

    private String progress() {
        List<ObservedPod> next = next();
        if (!next.isEmpty()) {
            return next.size() == 1
                    ? next.get(0).name() + " leaves to be replaced"
                    : "the others leave together, because " + why();
        }
        if (otherBuild().isPresent()) {
            return "its pods have another build, and all others would have to leave at once, but they cannot save a"
                    + " checkpoint to resume from. Restore the earlier image, or create a new job";
        }
        return "the next one is replaced when " + obstacle().orElse("the present world has made a step");
    }

    /** Whether no successor comes up, so that the rollout ends only when the template is corrected. */
    private boolean needsAction() {
        boolean held = counted.stream()
                .filter(pod -> !isOutdated(pod))
                .anyMatch(pod -> Hold.of(pod)
                        .filter(hold -> hold.kind() == Kind.NEEDS_ACTION)
                        .isPresent());
        boolean failing = state.backoff().streak() >= FAILING && joined() == 0 && failed().isPresent();
        return held || failing || (keptOut().findFirst().isPresent() && next().isEmpty());
    }
}
