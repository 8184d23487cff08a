package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.LedgerState.GenerationStart;
import io.swav.planner.PlannerState.Backoff;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongPredicate;

/**
 * Records which incidents caused a new world, and what getting to a world has cost, which its trainers report once it
 * has made a step.
 */
final class GenerationCosts {
    private final PlannerInput input;
    private final Instant now;

    GenerationCosts(PlannerInput input, Instant now) {
        this.input = input;
        this.now = now;
    }

    /**
     * Settles the cost of generations that have made steps since the last plan; of the present one when all its live
     * members have reported a step.
     */
    Recorded settle(Recorded before, LiveMembers liveMembers) {
        return settle(
                before,
                generation -> generation < input.world().generation()
                        || liveMembers
                                .presentPods()
                                .allMatch(pod -> pod.signals().trainedIn() == generation));
    }

    private Recorded settle(Recorded before, LongPredicate isComplete) {
        SortedMap<Long, List<LivenessSignals>> started = new TreeMap<>();
        for (ObservedPod pod : input.pods()) {
            long generation = pod.signals().trainedIn();
            if (generation > before.state().account().settled()
                    && generation <= input.world().generation()) {
                started.computeIfAbsent(generation, g -> new ArrayList<>()).add(pod.signals());
            }
        }
        Recorded recorded = before;
        for (Map.Entry<Long, List<LivenessSignals>> generation : started.entrySet()) {
            if (isComplete.test(generation.getKey())) {
                recorded = settle(recorded, GenerationStart.of(generation.getKey(), generation.getValue()));
            }
        }
        return recorded;
    }

    private Recorded settle(Recorded before, GenerationStart start) {
        LedgerState account = before.state().account();
        LedgerState settled = account.settle(start, now);
        boolean older = before.state().backoff().equals(input.state().backoff()); // a delay of this plan has just begun
        Recorded after = before.with(before.state()
                .with(settled)
                .with(older ? Backoff.NONE : before.state().backoff()));
        return settled.resumeMessage(account).map(after::withResumeMessage).orElse(after);
    }

    /**
     * Records a new world and the incidents that caused it. No more reports of the present world will come, so its cost
     * is settled too.
     *
     * @param otherwise the kind of incident that a change without a cause among the new incidents is
     */
    Recorded publish(Recorded before, WorldDecision.Regroup regroup, IncidentKind otherwise) {
        Recorded settled = settle(before, generation -> true);
        World next = regroup.next();
        List<Incident> because = settled.causes();
        boolean first = input.world().generation() == 0;
        LedgerState account = withPaceOfLastWorld(settled.state().account()).followedBy(next.generation(), because);
        if (because.isEmpty() && !first) {
            account = account.with(new Incident(
                    now.toString(),
                    otherwise,
                    changed(next),
                    regroup.why(),
                    input.step(),
                    next.generation(),
                    null,
                    null));
        }
        if (!first && !next.hold() && next.size() > 0) {
            account = account.resized();
        }
        PlannerState state = settled.state();
        return settled.with(state.with(account).with(state.progress().published(now)));
    }

    /** Settles the last world of a job that ends, which is no incident. */
    Recorded close(Recorded before) {
        Recorded settled = settle(before, generation -> true);
        PlannerState state = settled.state();
        return settled.with(state.with(state.progress().published(now)));
    }

    private LedgerState withPaceOfLastWorld(LedgerState account) {
        long settled = account.settled();
        List<LivenessSignals> last = input.pods().stream()
                .map(ObservedPod::signals)
                .filter(signals -> signals.trainedIn() == settled && settled > 0)
                .toList();
        return last.isEmpty()
                ? account
                : account.paced(GenerationStart.of(settled, last).stepSeconds());
    }

    /** Returns the names of the pods that are in exactly one of the two worlds; never empty, which no status may be. */
    private String changed(World next) {
        List<World.Member> both = new ArrayList<>(next.members());
        input.world().members().stream().filter(member -> !both.remove(member)).forEach(both::add);
        return both.isEmpty() ? first(next.members()) : LiveMembers.names(both);
    }

    private static String first(List<World.Member> members) {
        String more = members.size() > 1 ? " and " + (members.size() - 1) + " more" : "";
        return members.isEmpty() ? "no pod" : members.get(0).pod() + more;
    }
}
