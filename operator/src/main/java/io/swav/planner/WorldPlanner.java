package io.swav.planner;

import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Failing;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Starting;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Decides the members of the world and the pods of a job, as a pure function of what was observed.
 *
 * <p>A pod that leaves, with or without notice, is removed from the world at once and replaced; newcomers enter when
 * they are Ready. Losing a member never waits; growing waits only while more pods are expected. Below the minimum the
 * planner publishes a world on hold: its members, the survivors, keep their state and wait for the next generation. If
 * all members leave with notice, that world is empty, and newcomers enter the next one when the leaving members have
 * saved the state. Survivors keep their order, so that ranks are stable.
 */
public final class WorldPlanner {
    /** The number of ended pods that are kept for their logs. */
    static final int ENDED_KEPT = 10;

    /**
     * A terminating pod usually ends earlier because of its grace period; autoscalers wait no longer than this for one.
     */
    static final Duration LONGEST_SAVE = Duration.ofMinutes(10);

    private static final Comparator<ObservedPod> BY_AGE =
            Comparator.comparing(ObservedPod::created).thenComparing(ObservedPod::name);

    private final JobPolicy policy;
    private final PlannerInput input;
    private final Instant now;
    private final IncidentRecorder recorder;
    private final LiveMembers liveMembers;
    private final List<Instant> replanTimes = new ArrayList<>();

    private WorldPlanner(JobPolicy policy, PlannerInput input, Instant now) {
        this.policy = policy;
        this.input = input;
        this.now = now;
        this.recorder = IncidentRecorder.of(policy, input, now);
        this.liveMembers = recorder.liveMembers();
    }

    /** Plans one job at one time. Planning again after the plan has been carried out changes nothing. */
    public static ReconcilePlan plan(JobPolicy policy, PlannerInput input, Instant now) {
        return new WorldPlanner(policy, input, now).plan();
    }

    private ReconcilePlan plan() {
        PlannerState.End end = recorder.state().end();
        if (end != null) {
            return ended(end);
        }
        checkSilentPodsLater(liveMembers.presentPods());
        checkFailingPodsLater();
        Instant firstDone = recorder.state().firstDone();
        if (firstDone != null) {
            replanTimes.add(firstDone.plus(IncidentRecorder.FINISH));
            return plan(
                    new WorldDecision.Keep("Training is complete. The last trainers are finishing"),
                    List.of(),
                    List.of(),
                    "");
        }
        if (policy.suspended()) {
            return suspended();
        }
        WorldDecision world = world();
        List<World.Member> members =
                world instanceof WorldDecision.Regroup regroup ? regroup.next().members() : liveMembers.present();
        if (world instanceof WorldDecision.Regroup regroup) {
            recorder.published(regroup, IncidentKind.Resize);
        }
        List<String> create = create();
        List<ObservedPod> excess = excess(members);
        recorder.released(excess);
        List<ObservedPod> lingering =
                input.pods().stream().filter(ObservedPod::lingers).toList();
        String why = excess.isEmpty() ? "" : podCounts();
        return plan(
                world,
                create,
                Stream.of(excess, lingering, oldEndedPods())
                        .flatMap(List::stream)
                        .distinct()
                        .toList(),
                lingering.isEmpty() ? why : "the trainer has ended but its pod has not");
    }

    private ReconcilePlan plan(WorldDecision world, List<String> create, List<ObservedPod> delete, String deleteWhy) {
        return new ReconcilePlan(
                world,
                create,
                create.isEmpty() ? "" : podCounts(),
                delete,
                deleteWhy,
                forceDelete(),
                recorder.state(),
                recorder.newIncidents(),
                recorder.resumeMessages(),
                replanTimes.stream().min(Comparator.naturalOrder()));
    }

    /**
     * Plans again also when no trainer reports any more, because only a request shows whether the API server responds.
     */
    private void checkSilentPodsLater(Stream<ObservedPod> pods) {
        pods.map(pod -> pod.signals().silence()).filter(Objects::nonNull).forEach(silence -> {
            Duration left = LivenessSignals.SILENCE_LIMIT.minus(silence).plusMillis(1);
            replanTimes.add(now.plus(left.isNegative() ? LivenessSignals.SILENCE_LIMIT : left));
        });
    }

    private void checkFailingPodsLater() {
        input.pods().stream()
                .map(ObservedPod::state)
                .filter(Failing.class::isInstance)
                .forEach(failing -> replanTimes.add(now.plus(((Failing) failing).left())));
    }

    // ---- the world ----------------------------------------------------------------------------------------------

    private WorldDecision world() {
        List<World.Member> members = input.world().members();
        List<ObservedPod> savers = savers();
        List<World.Member> survivors = savers.isEmpty() ? liveMembers.present() : List.of();
        List<World.Member> gone = new ArrayList<>(members);
        gone.removeAll(liveMembers.present());
        List<World.Member> next = new ArrayList<>(survivors.subList(0, Math.min(survivors.size(), policy.target())));
        List<World.Member> joining = savers.isEmpty()
                ? newcomers().stream().limit(policy.target() - next.size()).toList()
                : List.of();
        next.addAll(joining);
        boolean broken = members.isEmpty() || !gone.isEmpty() || input.world().hold();
        if (broken && next.size() < policy.min()) {
            String why = savers.isEmpty() ? waiting(members.isEmpty(), next.size()) : saving(savers);
            boolean alreadyPublished = members.isEmpty() || (input.world().hold() && gone.isEmpty());
            return alreadyPublished
                    ? new WorldDecision.Wait(policy.min() - next.size(), why)
                    : regroup(survivors, true, gone, change(gone, List.of(), List.of(), List.of()) + ". " + why);
        }
        if (broken || survivors.size() > policy.target()) {
            String why = members.isEmpty() ? first(next.size()) : change(gone, survivors, next, joining);
            return regroup(next, false, gone, why.isEmpty() ? "enough trainers are ready again" : why);
        }
        if (joining.isEmpty()) {
            return new WorldDecision.Keep(
                    members.size() + " of " + policy.target() + " wanted trainers are in the world"
                            + (members.size() < policy.target() ? ". " + startingWhy() : ""));
        }
        if (next.size() < policy.min()) {
            return new WorldDecision.Keep(LiveMembers.names(joining) + " ready to join. The world grows when "
                    + policy.min() + " trainers are ready, the raised elastic.minReplicas");
        }
        Optional<String> suspect = liveMembers.suspect();
        if (suspect.isPresent()) {
            return new WorldDecision.Keep(
                    LiveMembers.names(joining) + " ready to join. The world grows once it is certain whether "
                            + suspect.get() + ", for which its peers wait, hangs");
        }
        Instant since = recorder.state().since();
        Instant grow = since == null ? now : since.plus(policy.growAfter());
        if (next.size() == policy.target() || !now.isBefore(grow)) {
            return regroup(next, false, gone, change(gone, survivors, next, joining));
        }
        replanTimes.add(grow);
        return new WorldDecision.Keep(LiveMembers.names(joining) + " ready to join. The world grows at " + grow
                + ", or earlier if all wanted pods are ready");
    }

    private WorldDecision.Regroup regroup(List<World.Member> next, boolean hold, List<World.Member> gone, String why) {
        World last = input.world();
        Set<String> lost = gone.stream()
                .filter(member -> !liveMembers.stillCooperates(member))
                .map(World.Member::uid)
                .collect(Collectors.toCollection(TreeSet::new));
        long settled = recorder.state().account().settled();
        if (settled < last.generation()) { // a trainer may have missed that world and read only this one
            lost.addAll(last.lost());
        }
        next.forEach(member -> lost.remove(member.uid()));
        World world = new World(last.generation() + 1, last.job(), next, why, hold, List.copyOf(lost));
        return new WorldDecision.Regroup(world, why);
    }

    /** Returns the terminating pods that save the state and must be waited for, because no other trainer holds it. */
    private List<ObservedPod> savers() {
        boolean held = Stream.concat(liveMembers.presentPods(), liveMembers.newcomers())
                .anyMatch(pod -> pod.signals().holdsState());
        List<ObservedPod> savers = held ? List.of() : liveMembers.savers();
        Instant since = recorder.state().since();
        if (savers.isEmpty() || !input.world().members().isEmpty() || since == null) {
            return savers;
        }
        Instant end = since.plus(LONGEST_SAVE);
        replanTimes.add(end);
        checkSilentPodsLater(savers.stream());
        return now.isBefore(end) ? savers : List.of();
    }

    private static String saving(List<ObservedPod> savers) {
        return "The next world forms when "
                + savers.stream().map(ObservedPod::name).collect(Collectors.joining(", "))
                + (savers.size() == 1 ? " has" : " have") + " saved the training state and exited";
    }

    /** Returns the Ready pods outside the world, the oldest first. */
    private List<World.Member> newcomers() {
        return liveMembers
                .newcomers()
                .sorted(BY_AGE)
                .map(pod -> new World.Member(pod.name(), pod.uid(), ((Ready) pod.state()).address()))
                .toList();
    }

    private String first(int size) {
        return size + " of " + policy.target() + " wanted pods are ready";
    }

    private String waiting(boolean noWorld, int ready) {
        return (noWorld ? "Waiting for pods: " : "Paused: ") + ready + " of at least " + policy.min()
                + (policy.min() == 1 ? " trainer ready. " : " trainers ready. ")
                + (noWorld ? "" : "Surviving trainers keep the model in memory. ") + startingWhy();
    }

    /**
     * Returns what holds pods, or else what the first pod that is not Ready waits for: pods mostly wait for the same
     * thing.
     */
    private String startingWhy() {
        Instant retry = recorder.state().retryAt();
        Optional<String> first = input.pods().stream()
                .filter(pod -> pod.state() instanceof Starting)
                .min(BY_AGE)
                .map(pod -> "Waiting for " + pod.name() + ": " + ((Starting) pod.state()).why());
        return Hold.sentence(input.pods())
                .or(() -> first)
                .orElse(
                        retry != null && now.isBefore(retry)
                                ? "The next pod is created at " + retry + " because recent pods failed"
                                : "New pods are being created");
    }

    private String change(
            List<World.Member> gone,
            List<World.Member> survivors,
            List<World.Member> next,
            List<World.Member> joining) {
        List<String> parts = new ArrayList<>();
        gone.forEach(member -> parts.add(member.pod() + " left (" + liveMembers.whyGone(member) + ")"));
        List<World.Member> dropped = new ArrayList<>(survivors);
        dropped.removeAll(next);
        if (!dropped.isEmpty()) {
            parts.add(LiveMembers.names(dropped) + " released, " + policy.target() + " wanted");
        }
        if (!joining.isEmpty()) {
            parts.add(LiveMembers.names(joining) + " joined");
        }
        return String.join("; ", parts);
    }

    // ---- the pods -----------------------------------------------------------------------------------------------

    private int podsWanted() {
        return policy.target() + policy.spares();
    }

    private String podCounts() {
        return "wanted pods: " + podsWanted() + ", existing: " + liveMembers.alive();
    }

    private List<String> create() {
        int missing = podsWanted() - liveMembers.alive();
        Optional<Instant> later = Stream.of(
                        Optional.ofNullable(recorder.state().retryAt()), Optional.ofNullable(input.rejectedUntil()))
                .flatMap(Optional::stream)
                .filter(now::isBefore)
                .max(Comparator.naturalOrder());
        if (missing > 0 && later.isPresent()) {
            replanTimes.add(later.get());
            return List.of();
        }
        List<String> names = new ArrayList<>();
        long next = recorder.state().nextPod();
        for (; names.size() < missing; next++) {
            names.add(input.job() + "-" + next);
        }
        recorder.reserveNumbersBelow(next);
        return names;
    }

    /**
     * Returns the pods beyond the wanted ones: those that are not Ready first, then the newest; never a member of the
     * world.
     */
    private List<ObservedPod> excess(List<World.Member> members) {
        Set<String> needed = members.stream().map(World.Member::uid).collect(Collectors.toSet());
        return input.pods().stream()
                .filter(pod -> liveMembers.counts(pod) && !needed.contains(pod.uid()))
                .sorted(Comparator.comparing((ObservedPod pod) -> pod.state() instanceof Ready)
                        .thenComparing(BY_AGE.reversed()))
                .limit(Math.max(0, liveMembers.alive() - podsWanted()))
                .toList();
    }

    private List<ObservedPod> oldEndedPods() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Ended)
                .sorted(BY_AGE.reversed())
                .skip(ENDED_KEPT)
                .toList();
    }

    private List<ObservedPod> running() {
        return input.pods().stream()
                .filter(pod -> pod.isAlive() || pod.lingers())
                .toList();
    }

    /**
     * Returns the pods that only the operator can remove: hung ones, and terminating ones on nodes that do not respond.
     */
    private List<ObservedPod> forceDelete() {
        List<ObservedPod> stuck = new ArrayList<>();
        for (ObservedPod pod : input.pods()) {
            Optional<Instant> overdue =
                    pod.state() instanceof Terminating terminating ? terminating.overdue() : Optional.empty();
            if (overdue.isPresent() && now.isBefore(overdue.get())) {
                replanTimes.add(overdue.get());
            } else if (overdue.isPresent() || (recorder.state().hung().contains(pod.uid()) && pod.isAlive())) {
                stuck.add(pod);
            }
        }
        return stuck;
    }

    private ReconcilePlan suspended() {
        List<World.Member> members = input.world().members();
        WorldDecision world = members.isEmpty()
                ? new WorldDecision.Keep("Suspended")
                : regroup(List.of(), false, List.of(), "Suspended: all pods are deleted");
        if (world instanceof WorldDecision.Regroup regroup) {
            recorder.published(regroup, IncidentKind.Suspension);
        }
        recorder.released(running());
        return plan(world, List.of(), running(), "the job is suspended");
    }

    private ReconcilePlan ended(PlannerState.End end) {
        Optional<Instant> expiry = policy.ttl().map(end.time()::plus);
        boolean expired = expiry.isPresent() && !now.isBefore(expiry.get());
        expiry.filter(at -> !expired).ifPresent(replanTimes::add);
        List<ObservedPod> delete = expired
                ? input.pods().stream()
                        .filter(pod -> !(pod.state() instanceof Terminating))
                        .toList()
                : running();
        String why = expired ? "ttlSecondsAfterFinished has passed" : "the job has ended";
        return plan(new WorldDecision.JobEnded(end), List.of(), delete, why);
    }
}
