package io.swav.operator;

import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.planner.ObservedPod;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The sentences of a condition about nodes that may go, and nodes that the job avoids. */
final class NodeSentences {
    /** The number of nodes that one sentence names. */
    private static final int SHOWN = 3;

    private NodeSentences() {}

    /** Returns the sentences, empty if there is nothing to say. */
    static String of(List<ObservedPod> pods, StatusFacts facts) {
        return HumanFormat.sentences(hints(pods), avoided(facts));
    }

    private static String hints(List<ObservedPod> pods) {
        Map<String, List<String>> byHint = pods.stream()
                .filter(pod -> pod.facts().placement().hint().isPresent())
                .collect(Collectors.groupingBy(
                        pod -> pod.facts().placement().hint().orElseThrow(),
                        LinkedHashMap::new,
                        Collectors.mapping(ObservedPod::name, Collectors.toList())));
        return byHint.isEmpty()
                ? ""
                : "No trainer leaves yet, but "
                        + shown(byHint.entrySet().stream()
                                .map(hint -> hint.getKey() + ", with " + String.join(", ", hint.getValue()) + " on it")
                                .toList());
    }

    private static String avoided(StatusFacts facts) {
        List<AvoidedNode> avoided = facts.avoidedNodes();
        return avoided.isEmpty()
                ? ""
                : "New pods avoid "
                        + shown(avoided.stream()
                                .map(node ->
                                        "node " + node.node() + " until " + node.until() + " (" + node.reason() + ")")
                                .toList());
    }

    private static String shown(List<String> parts) {
        Optional<String> more = parts.size() > SHOWN ? Optional.of((parts.size() - SHOWN) + " more") : Optional.empty();
        return parts.stream().limit(SHOWN).collect(Collectors.joining("; "))
                + more.map(text -> "; and " + text).orElse("");
    }
}
