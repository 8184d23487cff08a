package io.swav.conformance;

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
 * The cases of one world size over several starts of its processes: when one dies, the innermost case that it was in has
 * failed, and the others are run by the next start. Results are passed on as they come, each once.
 *
 * <p>A case that dies after cases inside it have ended, as a file does between two of its cases, is entered once more for
 * the cases inside it that are left. Processes that settle no case are not started again.
 */
final class CaseTracker {
    /** @param endedInside how many cases inside it have ended */
    private record Open(String name, int endedInside) {}

    /** A result without its numbers: a case that is run again may measure slightly different ones. */
    private record Said(String name, GoldenCase.Outcome outcome) {}

    private final Open world;
    private final Consumer<GoldenCase> report;
    private final Set<String> settled = new LinkedHashSet<>();
    private final Set<String> died = new HashSet<>();
    private final Set<Said> before = new HashSet<>();
    private final Set<Said> now = new HashSet<>();
    private final Map<Integer, Deque<Open>> open = new HashMap<>();
    private int settledBefore;

    /** @param world what fails when a process dies outside of every case */
    CaseTracker(String world, Consumer<GoldenCase> report) {
        this.world = new Open(world, 0);
        this.report = report;
    }

    /** Names of the cases that the next start leaves out, as they ended or died. */
    synchronized List<String> settled() {
        return List.copyOf(settled);
    }

    /** What a rank said; events of one rank come in their order. */
    synchronized void heard(int rank, CaseEvent event) {
        Deque<Open> cases = open(rank);
        if (event instanceof CaseEvent.Begun begun) {
            cases.push(new Open(begun.name(), 0));
        } else if (event instanceof CaseEvent.Compared compared) {
            pass(compared.result());
        } else if (event instanceof CaseEvent.Ended ended) {
            cases.pop();
            Open outer = cases.pop();
            cases.push(new Open(outer.name(), outer.endedInside() + 1));
            if (rank == 0) {
                settled.add(ended.name());
            }
        }
    }

    /** Within one start a case may give two results of one name and outcome: the error it found, and why it stopped. */
    private void pass(GoldenCase result) {
        Said said = new Said(result.name(), result.outcome());
        now.add(said);
        if (!before.contains(said)) {
            report.accept(result);
        }
    }

    /**
     * A process died or hung, so that all of them have ended.
     *
     * @return whether to start them again for the cases that are left
     */
    synchronized boolean died(RankFailure failure) {
        Open blamed = open(failure.rank()).getFirst();
        if (died.add(blamed.name())) {
            report.accept(GoldenCase.failed(blamed.name(), failure.what()));
        }
        boolean between = blamed.endedInside() > 0 && settled.size() > settledBefore;
        if (!between && !blamed.name().equals(world.name())) {
            settled.add(blamed.name());
        }
        boolean again = settled.size() > settledBefore;
        settledBefore = settled.size();
        before.addAll(now);
        now.clear();
        open.clear();
        return again;
    }

    private Deque<Open> open(int rank) {
        return open.computeIfAbsent(rank, first -> new ArrayDeque<>(List.of(world)));
    }
}
