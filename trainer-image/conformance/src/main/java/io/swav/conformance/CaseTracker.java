package io.swav.conformance;

import io.swav.multiprocess.RankFailure;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Tracks the cases of one world size over several starts of its processes. When a process dies, the innermost case that
 * it was in has failed, and the next start runs the others. Each result is passed on once, as it arrives.
 *
 * <p>A case that dies after cases inside it have ended, as a file does between two of its cases, is entered once more
 * for the remaining cases inside it. Processes that settle no case are not started again.
 */
final class CaseTracker {
    /**
     * A case that has begun.
     *
     * @param endedInside number of cases inside it that have ended
     */
    private record OpenCase(String name, int endedInside) {}

    /** A result without its numbers: a case that runs again may measure slightly different ones. */
    private record ReportedOutcome(String name, GoldenCase.CaseOutcome outcome) {}

    private final OpenCase world;
    private final Consumer<GoldenCase> report;
    private final Set<String> settled = new LinkedHashSet<>();
    private final Set<String> died = new HashSet<>();
    private final Set<ReportedOutcome> before = new HashSet<>();
    private final Set<ReportedOutcome> now = new HashSet<>();
    private final Map<Integer, Deque<OpenCase>> open = new HashMap<>();
    private int settledBefore;

    /** @param world name of the case that fails if a process dies outside every case */
    CaseTracker(String world, Consumer<GoldenCase> report) {
        this.world = new OpenCase(world, 0);
        this.report = report;
    }

    /** Returns the names of the cases that the next start skips, because they ended or died. */
    synchronized List<String> settled() {
        return List.copyOf(settled);
    }

    /** Records an event of a rank; the events of one rank must arrive in order. */
    synchronized void record(int rank, CaseEvent event) {
        Deque<OpenCase> cases = open(rank);
        if (event instanceof CaseEvent.Begun begun) {
            cases.push(new OpenCase(begun.name(), 0));
        } else if (event instanceof CaseEvent.Compared compared) {
            pass(compared.result());
        } else if (event instanceof CaseEvent.Ended ended) {
            cases.pop();
            OpenCase outer = cases.pop();
            cases.push(new OpenCase(outer.name(), outer.endedInside() + 1));
            if (rank == 0) {
                settled.add(ended.name());
            }
        }
    }

    /**
     * Passes a result on unless an earlier start reported it. Within one start a case may report two results of one
     * name and outcome: the error it measured, and the reason it stopped.
     */
    private void pass(GoldenCase result) {
        ReportedOutcome outcome = new ReportedOutcome(result.name(), result.outcome());
        now.add(outcome);
        if (!before.contains(outcome)) {
            report.accept(result);
        }
    }

    /**
     * Records that a process died or hung, after which all processes have ended.
     *
     * @return whether to start them again for the remaining cases
     */
    synchronized boolean died(RankFailure failure) {
        OpenCase blamed = open(failure.rank()).getFirst();
        if (died.add(blamed.name())) {
            report.accept(GoldenCase.failed(blamed.name(), failure.what()));
        }
        boolean between = blamed.endedInside() > 0 && settled.size() > settledBefore;
        if (!between && !blamed.name().equals(world.name())) {
            settled.add(blamed.name());
        }
        boolean restart = settled.size() > settledBefore;
        settledBefore = settled.size();
        before.addAll(now);
        now.clear();
        open.clear();
        return restart;
    }

    private Deque<OpenCase> open(int rank) {
        return open.computeIfAbsent(rank, first -> new ArrayDeque<>(List.of(world)));
    }
}
