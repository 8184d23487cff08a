package io.swav.planner;

import io.swav.api.SwavJobStatus.AvoidedNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds the failures for which nodes are blamed, and decides which nodes a job avoids. Only a failure that stayed on one
 * node blames it: pods that fail on several nodes in one event, or a whole world at once, have a cause of their own.
 *
 * @param blames oldest first
 * @param yielded whether no other node took a pod that had to keep off the avoided ones, so that pods only prefer other
 *     nodes until none is avoided any more
 */
public record NodeFailures(List<Blame> blames, boolean yielded) {
    public static final NodeFailures NONE = new NodeFailures(List.of(), false);

    /** The number of failures kept, so that what is stored stays small. */
    static final int KEPT = 50;

    /** The number of nodes that a pod is kept off, the last ones. */
    static final int MOST_AVOIDED = 20;

    /**
     * A failure on a node.
     *
     * @param time when its event began, see {@link FailureEvent#first}
     * @param pod the first that failed
     * @param why as its incident has it
     * @param of the pods that could have failed together: of its world, or of a job without one
     */
    public record Blame(String node, Instant time, String pod, String why, int of) {

        boolean isOf(FailureEvent event) {
            return time.equals(event.first()) && FailureEvent.how(why).equals(event.how());
        }
    }

    public NodeFailures {
        blames = List.copyOf(blames);
    }

    NodeFailures with(Blame blame) {
        List<Blame> all = new ArrayList<>(blames);
        all.add(blame);
        return new NodeFailures(all.subList(Math.max(0, all.size() - KEPT), all.size()), yielded);
    }

    /**
     * Takes into account that another pod failed in an event.
     *
     * @param node of that pod
     * @param event with that pod
     */
    NodeFailures joined(FailureEvent event, String node) {
        return new NodeFailures(
                blames.stream()
                        .filter(blame -> !blame.isOf(event)
                                || (blame.node().equals(node) && (blame.of() < 2 || event.pods() < blame.of())))
                        .toList(),
                yielded);
    }

    /** Forgets nodes whose last failure is too long ago, and of the others what was too long before their last failure. */
    NodeFailures since(NodeAvoidance limits, Instant now) {
        Map<String, Instant> last = new HashMap<>();
        blames.forEach(blame -> last.put(blame.node(), blame.time()));
        NodeFailures recent = new NodeFailures(
                blames.stream()
                        .filter(blame -> {
                            Instant end = last.getOrDefault(blame.node(), blame.time());
                            return now.isBefore(end.plus(limits.time()))
                                    && end.isBefore(blame.time().plus(limits.time()));
                        })
                        .toList(),
                yielded);
        return recent.avoided(limits).isEmpty() ? new NodeFailures(recent.blames(), false) : recent;
    }

    NodeFailures yielding() {
        return new NodeFailures(blames, true);
    }

    /** Returns the nodes that are avoided, those that failed last at the end. */
    List<AvoidedNode> avoided(NodeAvoidance limits) {
        if (limits.afterFailures() == 0) {
            return List.of();
        }
        Map<String, List<Blame>> byNode = new LinkedHashMap<>();
        for (Blame blame : blames) {
            List<Blame> of = byNode.getOrDefault(blame.node(), new ArrayList<>());
            byNode.remove(blame.node()); // to the end
            of.add(blame);
            byNode.put(blame.node(), of);
        }
        List<AvoidedNode> all = byNode.values().stream()
                .filter(of -> of.size() >= limits.afterFailures())
                .map(of -> avoided(of, limits))
                .toList();
        return all.subList(Math.max(0, all.size() - MOST_AVOIDED), all.size());
    }

    private static AvoidedNode avoided(List<Blame> of, NodeAvoidance limits) {
        Blame last = of.get(of.size() - 1);
        return new AvoidedNode(
                last.node(),
                last.time().plus(limits.time()).toString(),
                of.size() + (of.size() == 1 ? " failure of a pod" : " failures of pods") + " on it; the last: "
                        + last.pod() + ", " + last.why());
    }
}
