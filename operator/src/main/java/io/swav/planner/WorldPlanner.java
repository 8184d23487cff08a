package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.PodState.Failing;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Decides the members of the world and the pods of a job, as a pure function of what was observed. Each stage passes a
 * value to the next: {@link HangDetector}, {@link UnreachableMembers}, {@link NewcomerTrials} and {@link Divergences}
 * their verdicts on pods, {@link IncidentRecorder} the planner's state with everything that has happened, {@link
 * LiveMembers} the pods that can take part, {@link NextWorld} the decision about the world, and {@link Rollout} and {@link
 * PodPlanner} the pods to create and delete.
 */
public final class WorldPlanner {
    private final JobPolicy policy;
    private final PlannerInput input;
    private final Instant now;
    private final Recorded recorded;
    private final LiveMembers liveMembers;
    private final Rollout rollout;
    private final PodPlanner pods;

    private WorldPlanner(
            JobPolicy policy, PlannerInput input, Instant now, Recorded recorded, LiveMembers liveMembers) {
        this.policy = policy;
        this.input = input;
        this.now = now;
        this.recorded = recorded;
        this.liveMembers = liveMembers;
        this.rollout = new Rollout(policy, input, recorded.state(), liveMembers);
        this.pods = new PodPlanner(policy, input, liveMembers, policy.mayRun() ? rollout.surge() : 0, now);
    }

    /** Plans one job at one time. Planning again after the plan has been carried out changes nothing. */
    public static ReconcilePlan plan(JobPolicy policy, PlannerInput input, Instant now) {
        Map<String, Verdict> verdicts = verdicts(policy, input, now);
        Recorded recorded = withSettings(IncidentRecorder.record(policy, input, verdicts, now), policy, input);
        LiveMembers liveMembers = new LiveMembers(input, recorded.state(), verdicts);
        return new WorldPlanner(policy, input, now, recorded, liveMembers).plan();
    }

    /** Records changed settings; once the job has made its last step, those that it trained with. */
    private static Recorded withSettings(Recorded before, JobPolicy policy, PlannerInput input) {
        PlannerState state = before.state();
        boolean over = state.progress().end() != null || state.progress().firstDone() != null;
        ChangedSettings settings = over
                ? state.settings().over(policy.settings(), input)
                : state.settings().updated(policy.settings(), input);
        return before.with(state.with(settings));
    }

    private static Map<String, Verdict> verdicts(JobPolicy policy, PlannerInput input, Instant now) {
        Map<String, Verdict> verdicts = new LinkedHashMap<>(HangDetector.of(policy, input, now));
        verdicts.putAll(UnreachableMembers.of(policy, input, Set.copyOf(verdicts.keySet()), now));
        verdicts.putAll(NewcomerTrials.verdicts(input, Set.copyOf(verdicts.keySet())));
        Divergences.verdicts(input).forEach(verdicts::putIfAbsent);
        return verdicts;
    }

    private ReconcilePlan plan() {
        PlannerState.Progress progress = recorded.state().progress();
        if (progress.end() != null) {
            boolean late = progress.end().reason() == ConditionReason.DeadlineExceeded;
            return late && input.world().size() > 0 ? expired(progress.end()) : ended(progress.end());
        }
        if (progress.firstDone() != null) {
            return finishing(progress.firstDone());
        }
        return policy.mayRun() ? running() : suspended();
    }

    private ReconcilePlan running() {
        NewcomerTrials trials = trials();
        TimedDecision decision = nextWorld(trials).decide();
        List<World.Member> members = decision.world() instanceof WorldDecision.Regroup regroup
                ? regroup.next().members()
                : liveMembers.present();
        List<ObservedPod> shutOut = pods.shutOut();
        Recorded published = yielding(publish(decision.world(), kind(members)).with(trials.current(members)), shutOut);
        List<String> create = pods.toCreate(published.state());
        List<ObservedPod> excess = pods.excess(members);
        Map<ObservedPod, String> delete = because(pods.lingering(), "the trainer has ended but its pod has not");
        because(pods.unreachable(published.state()), "its peers do not reach it")
                .forEach(delete::putIfAbsent);
        because(shutOut, "no node takes it but those that the job avoids: its successor may run on them")
                .forEach(delete::putIfAbsent);
        because(excess, pods.counts()).forEach(delete::putIfAbsent);
        boolean regroups = decision.world() instanceof WorldDecision.Regroup;
        Map<ObservedPod, String> replaced = rollout.leaving(regroups);
        replaced.forEach(delete::putIfAbsent);
        because(pods.oldEnded(), "").forEach(delete::putIfAbsent);
        Recorded left = Stream.of(excess, shutOut, List.copyOf(replaced.keySet()))
                .reduce(withNumbersOf(create, published), WorldPlanner::released, (first, second) -> second);
        return plan(
                left.with(left.state().with(rollout.remembered())),
                decision.world(),
                create,
                delete,
                Stream.of(
                                decision.replanTimes().stream(),
                                pods.createLater(published.state()).stream(),
                                pods.shutOutLater(),
                                JobEnding.deadline(policy, recorded.state().progress()).stream(),
                                livenessChecks())
                        .flatMap(times -> times),
                rollout.report(regroups));
    }

    private NewcomerTrials trials() {
        return new NewcomerTrials(input, recorded.state(), liveMembers, now);
    }

    private NextWorld nextWorld(NewcomerTrials trials) {
        return new NextWorld(policy, input, recorded.state(), liveMembers, trials, now);
    }

    /** Returns the kind of a change of the world that no incident has caused. */
    private IncidentKind kind(List<World.Member> members) {
        boolean settings = members.equals(input.world().members())
                && !recorded.state().settings().areIn(input.world());
        return settings ? IncidentKind.Settings : IncidentKind.Resize;
    }

    private static Map<ObservedPod, String> because(List<ObservedPod> pods, String why) {
        Map<ObservedPod, String> all = new LinkedHashMap<>();
        pods.forEach(pod -> all.put(pod, why));
        return all;
    }

    private ReconcilePlan suspended() {
        WorldDecision world = nextWorld(trials()).suspend();
        Recorded published = publish(world, IncidentKind.Suspension);
        List<ObservedPod> running = pods.running();
        return plan(
                released(published, running),
                world,
                List.of(),
                because(
                        running,
                        policy.suspended()
                                ? "the job is suspended"
                                : policy.withheld().orElse("")),
                livenessChecks());
    }

    private ReconcilePlan finishing(Instant firstDone) {
        return plan(
                recorded,
                new WorldDecision.Keep("Training is complete. The last trainers are finishing"),
                List.of(),
                Map.of(),
                Stream.concat(Stream.of(firstDone.plus(JobEnding.FINISH)), livenessChecks()));
    }

    /** Ends a job whose trainers still train: they leave as those of a suspended job, and save the state. */
    private ReconcilePlan expired(PlannerState.End end) {
        return plan(
                new GenerationCosts(input, now).close(recorded),
                nextWorld(trials()).leave("spec.activeDeadlineSeconds has passed: all pods are deleted"),
                List.of(),
                because(pods.running(), "spec.activeDeadlineSeconds has passed"),
                policy.ttl().map(end.time()::plus).stream());
    }

    private ReconcilePlan ended(PlannerState.End end) {
        Optional<Instant> expiry = policy.ttl().map(end.time()::plus);
        boolean expired = expiry.isPresent() && !now.isBefore(expiry.get());
        return plan(
                recorded,
                new WorldDecision.JobEnded(end),
                List.of(),
                expired
                        ? because(pods.notTerminating(), "ttlSecondsAfterFinished has passed")
                        : because(pods.running(), "the job has ended"),
                expiry.stream().filter(now::isBefore));
    }

    private ReconcilePlan plan(
            Recorded result,
            WorldDecision world,
            List<String> create,
            Map<ObservedPod, String> delete,
            Stream<Instant> replanTimes) {
        return plan(result, world, create, delete, replanTimes, RolloutReport.NONE);
    }

    private ReconcilePlan plan(
            Recorded result,
            WorldDecision world,
            List<String> create,
            Map<ObservedPod, String> delete,
            Stream<Instant> replanTimes,
            RolloutReport rolledOut) {
        return new ReconcilePlan(
                world,
                create,
                create.isEmpty() ? "" : pods.counts(),
                delete,
                pods.toForceDelete(result.state()),
                result.state(),
                result.newIncidents(),
                result.resumeMessages(),
                AvoidedNodesPlan.of(
                        policy.avoidance(),
                        input.state().nodes(),
                        result.state().nodes()),
                rolledOut,
                Stream.concat(replanTimes, pods.forceDeleteLater()).min(Comparator.naturalOrder()));
    }

    private Recorded publish(WorldDecision world, IncidentKind otherwise) {
        return world instanceof WorldDecision.Regroup regroup
                ? new GenerationCosts(input, now).publish(recorded, regroup, otherwise)
                : recorded;
    }

    private static Recorded withNumbersOf(List<String> created, Recorded before) {
        PlannerState.Pods pods = before.state().pods();
        return before.with(before.state().with(pods.withNext(pods.next() + created.size())));
    }

    private static Recorded yielding(Recorded before, List<ObservedPod> shutOut) {
        return shutOut.isEmpty()
                ? before
                : before.with(before.state().with(before.state().nodes().yielding()));
    }

    /** Marks pods as accounted for, because the operator itself removes them. */
    private static Recorded released(Recorded before, List<ObservedPod> removed) {
        PlannerState.Pods pods = before.state().pods();
        for (ObservedPod pod : removed) {
            pods = pods.accounting(pod.uid());
        }
        return before.with(before.state().with(pods));
    }

    /** Returns when members may have become silent, and when trainers that report a failure should have exited. */
    private Stream<Instant> livenessChecks() {
        Stream<Instant> silence = liveMembers.presentPods().flatMap(pod -> pod.signals().silenceCheckAt(now).stream());
        Stream<Instant> exits = input.pods().stream()
                .map(ObservedPod::state)
                .filter(Failing.class::isInstance)
                .map(failing -> now.plus(((Failing) failing).left()));
        return Stream.concat(silence, exits);
    }
}
