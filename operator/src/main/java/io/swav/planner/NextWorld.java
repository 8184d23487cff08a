package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.PodState.Starting;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Decides the members of the world.
 *
 * <p>A member that leaves, with or without notice, is removed at once; newcomers enter when they are Ready. Losing a
 * member never waits; growing waits only while more pods are expected. Below the minimum the next world is on hold: its
 * members, the survivors, keep their state and wait for the generation after it. If all members leave with notice, that
 * world is empty, and newcomers enter the next one when the leaving members have saved the state. Survivors keep their
 * order, so that ranks are stable.
 */
final class NextWorld {
    /**
     * A terminating pod usually ends earlier because of its grace period; autoscalers wait no longer than this for one.
     */
    static final Duration LONGEST_SAVE = Duration.ofMinutes(10);

    private final JobPolicy policy;
    private final PlannerInput input;
    private final PlannerState state;
    private final LiveMembers liveMembers;
    private final NewcomerTrials trials;
    private final Instant now;
    private final List<World.Member> members;
    private final List<World.Member> survivors;
    private final List<World.Member> gone;

    NextWorld(
            JobPolicy policy,
            PlannerInput input,
            PlannerState state,
            LiveMembers liveMembers,
            NewcomerTrials trials,
            Instant now) {
        this.policy = policy;
        this.input = input;
        this.state = state;
        this.liveMembers = liveMembers;
        this.trials = trials;
        this.now = now;
        this.members = input.world().members();
        this.survivors = liveMembers.present();
        this.gone = new ArrayList<>(members);
        this.gone.removeAll(survivors);
    }

    /** Decides about the world of a job that trains or should train. */
    TimedDecision decide() {
        List<ObservedPod> savers = savers();
        return savers.isEmpty() ? form() : new TimedDecision(awaitSavers(savers), saverTimes(savers));
    }

    /** Returns a world without members, for a job that is suspended, or whose queue lets no pod run. */
    WorldDecision suspend() {
        String why = policy.suspended() ? "Suspended" : policy.withheld().orElse("Suspended");
        return members.isEmpty() ? new WorldDecision.Keep(why) : leave(why + ": all pods are deleted");
    }

    /** Returns a world without members: all leave after the same step, and one of them saves the state. */
    WorldDecision.Regroup leave(String why) {
        return regroup(List.of(), false, Set.of(), why);
    }

    // ---- leaving members that save the state --------------------------------------------------------------------

    /** Returns the terminating pods that save the state and must be waited for, because no other trainer holds it. */
    private List<ObservedPod> savers() {
        boolean held = Stream.concat(liveMembers.presentPods(), liveMembers.newcomers())
                .anyMatch(pod -> pod.signals().holdsState());
        boolean tooLate = saveEnd().filter(end -> !now.isBefore(end)).isPresent();
        return held || tooLate ? List.of() : liveMembers.savers();
    }

    /** Returns when to stop waiting for savers; empty as long as they are members. */
    private Optional<Instant> saveEnd() {
        return members.isEmpty()
                ? Optional.ofNullable(state.progress().since()).map(since -> since.plus(LONGEST_SAVE))
                : Optional.empty();
    }

    /** Savers that are still members cause the next plan themselves: when they leave the world. */
    private List<Instant> saverTimes(List<ObservedPod> savers) {
        return saveEnd().stream()
                .flatMap(end -> Stream.concat(
                        Stream.of(end), savers.stream().flatMap(pod -> pod.signals().silenceCheckAt(now).stream())))
                .toList();
    }

    private WorldDecision awaitSavers(List<ObservedPod> savers) {
        if (!isBroken()) {
            return new WorldDecision.Keep(inWorld());
        }
        String why = "The next world forms when "
                + Names.of(savers.stream().map(ObservedPod::name).toList())
                + (savers.size() == 1 ? " has" : " have") + " saved the training state and exited";
        return pause(List.of(), 0, why);
    }

    // ---- the world ----------------------------------------------------------------------------------------------

    private TimedDecision form() {
        List<World.Member> next = new ArrayList<>(survivors.subList(0, Math.min(survivors.size(), policy.target())));
        int places = policy.target() - next.size();
        List<World.Member> joining = trials.entering(places);
        next.addAll(joining);
        if (isBroken() && next.size() < policy.min()) {
            return tried(pause(survivors, next.size(), waiting(next.size())));
        }
        if (isBroken() || survivors.size() > policy.target()) {
            return tried(replace(next, joining));
        }
        if (takesSettings() && HangDetector.suspect(policy, input, now).isEmpty()) {
            String settings = state.settings().changesSince(input.world(), input.configured());
            return next.size() == policy.target() && !joining.isEmpty()
                    ? tried(regroup(next, false, settings + "; " + change(survivors, next, joining)))
                    : tried(regroup(survivors, false, settings));
        }
        return joining.isEmpty() ? tried(new WorldDecision.Keep(inWorld())) : grow(next, joining);
    }

    /** Whether settings have changed that all members of the world are able to take over. */
    private boolean takesSettings() {
        return !state.settings().areIn(input.world()) && withoutSettings().isEmpty();
    }

    /** Returns the members of an earlier version, which know no changed settings. */
    private List<String> withoutSettings() {
        return liveMembers
                .presentPods()
                .filter(pod -> !pod.facts().followsSettings())
                .map(ObservedPod::name)
                .toList();
    }

    /** The decision may be another one when newcomers may enter whose trials are not complete. */
    private TimedDecision tried(WorldDecision world) {
        return new TimedDecision(world, trials.replanTimes());
    }

    /** Whether the present world cannot continue as it is. */
    private boolean isBroken() {
        return members.isEmpty() || !gone.isEmpty() || input.world().hold();
    }

    /** Publishes a world on hold, unless it is already published. */
    private WorldDecision pause(List<World.Member> holders, int ready, String why) {
        boolean alreadyPublished = members.isEmpty() || (input.world().hold() && gone.isEmpty());
        return alreadyPublished
                ? new WorldDecision.Wait(policy.min() - ready, why)
                : regroup(holders, true, change(List.of(), List.of(), List.of()) + ". " + why);
    }

    private WorldDecision replace(List<World.Member> next, List<World.Member> joining) {
        String why = members.isEmpty()
                ? next.size() + " of " + policy.target() + " wanted pods are ready"
                : change(survivors, next, joining);
        return regroup(next, false, why.isEmpty() ? "enough trainers are ready again" : why);
    }

    private TimedDecision grow(List<World.Member> next, List<World.Member> joining) {
        String ready = LiveMembers.names(joining) + " ready to join. The world grows ";
        if (next.size() < policy.min()) {
            return tried(new WorldDecision.Keep(
                    ready + "when " + policy.min() + " trainers are ready, the raised elastic.minReplicas"));
        }
        Optional<String> suspect = HangDetector.suspect(policy, input, now);
        if (suspect.isPresent()) {
            return tried(new WorldDecision.Keep(
                    ready + "once it is certain whether " + suspect.get() + ", for which its peers wait, hangs"));
        }
        Instant since = state.progress().since();
        Instant due = since == null ? now : since.plus(policy.growAfter());
        if (next.size() == policy.target() || !now.isBefore(due)) {
            return tried(regroup(next, false, change(survivors, next, joining)));
        }
        return new TimedDecision(
                new WorldDecision.Keep(ready + "at " + due + ", or earlier if all wanted pods are ready"),
                Stream.concat(Stream.of(due), trials.replanTimes().stream()).toList());
    }

    private WorldDecision.Regroup regroup(List<World.Member> next, boolean hold, String why) {
        Set<String> dead = gone.stream()
                .filter(member -> !liveMembers.stillCooperates(member))
                .map(World.Member::uid)
                .collect(Collectors.toSet());
        return regroup(next, hold, dead, why);
    }

    private WorldDecision.Regroup regroup(List<World.Member> next, boolean hold, Set<String> dead, String why) {
        World last = input.world();
        Set<String> lost = new TreeSet<>(dead);
        if (state.account().settled() < last.generation()) { // a trainer may have missed that world and read only this
            lost.addAll(last.lost());
        }
        next.forEach(member -> lost.remove(member.uid()));
        World world = new World(last.generation() + 1, last.job(), next, why, hold, List.copyOf(lost));
        return new WorldDecision.Regroup(state.settings().in(world).with(input.newestData()), why);
    }

    // ---- reasons ------------------------------------------------------------------------------------------------

    private String inWorld() {
        return members.size() + " of " + policy.target() + " wanted trainers are in the world"
                + (members.size() < policy.target() ? ". " + startingWhy() : "")
                + settingsNotTaken();
    }

    private String settingsNotTaken() {
        List<String> earlier = withoutSettings();
        return state.settings().areIn(input.world()) || earlier.isEmpty()
                ? ""
                : ". " + state.settings().changesSince(input.world(), input.configured()) + " has to wait: "
                        + earlier.get(0)
                        + (earlier.size() > 1 ? " and " + (earlier.size() - 1) + " more run" : " runs")
                        + " an earlier version that reads its settings only at its start. Update the image in"
                        + " spec.template";
    }

    private String waiting(int ready) {
        boolean noWorld = members.isEmpty();
        return (noWorld ? "Waiting for pods: " : "Paused: ") + ready + " of at least " + policy.min()
                + (policy.min() == 1 ? " trainer ready. " : " trainers ready. ")
                + (noWorld ? "" : "Surviving trainers keep the model in memory. ") + startingWhy();
    }

    /**
     * Returns what holds pods, or else what the first pod that is not Ready waits for: pods mostly wait for the same
     * thing.
     */
    private String startingWhy() {
        Optional<String> first = input.pods().stream()
                .filter(pod -> pod.state() instanceof Starting)
                .min(ObservedPod.BY_AGE)
                .map(pod -> "Waiting for " + pod.name() + ": " + ((Starting) pod.state()).why());
        return Hold.sentence(input.pods())
                .or(trials::obstacle)
                .or(() -> first)
                .or(() -> liveMembers.agreement().names().map(names -> "Kept out: " + names))
                .or(() -> state.nextPodAt(now)
                        .map(at -> "The next pod is created at " + at + " because recent pods failed"))
                .orElse("New pods are being created");
    }

    private String change(List<World.Member> candidates, List<World.Member> next, List<World.Member> joining) {
        List<String> parts = new ArrayList<>();
        if (!gone.isEmpty()) {
            parts.add(Names.parts(gone.stream()
                    .map(member -> member.pod() + " left (" + liveMembers.whyGone(member) + ")")
                    .toList()));
        }
        List<World.Member> dropped = new ArrayList<>(candidates);
        dropped.removeAll(next);
        if (!dropped.isEmpty()) {
            parts.add(LiveMembers.names(dropped) + " released, " + policy.target() + " wanted");
        }
        if (!joining.isEmpty()) {
            parts.add(LiveMembers.names(joining) + " joined");
        }
        return String.join("; ", parts);
    }
}
