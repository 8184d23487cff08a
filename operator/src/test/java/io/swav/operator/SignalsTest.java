package io.swav.operator;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.TrainerReport;
import io.swav.operator.Signal.Reaction;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tries each signal on a trainer that is Ready, with an object as its sender writes it. */
class SignalsTest {
    private static final Path DOCS = Path.of("../docs/signals.md");
    private static final String SERVING = "conditions: [{type: Ready, status: 'True'}]";

    /** Nodes as the senders leave them; null for one that does not exist. */
    private static final Map<Signal, List<String>> ON_NODES = Map.ofEntries(
            taints(Signal.KARPENTER_V1, "{key: karpenter.sh/disrupted, effect: NoSchedule}"),
            taints(Signal.KARPENTER_V1BETA1, "{key: karpenter.sh/disruption, value: disrupting, effect: NoSchedule}"),
            taints(
                    Signal.GKE_TERMINATION,
                    "{key: cloud.google.com/impending-node-termination, effect: NoSchedule}",
                    "{key: cloud.google.com/impending-node-termination, effect: NoExecute}"),
            Map.entry(
                    Signal.GKE_MAINTENANCE,
                    List.of("metadata: {name: n, labels: {cloud.google.com/active-node-maintenance: ONGOING}}\n"
                            + "status: {" + SERVING + "}")),
            taints(Signal.AKS_DRAIN, "{key: remediator.kubernetes.azure.com/unschedulable, effect: NoSchedule}"),
            taints(Signal.AKS_DRAIN_OLD, "{key: remediator.aks.microsoft.com/unschedulable, effect: NoSchedule}"),
            conditions(
                    Signal.AKS_VM_GOES,
                    "{type: PreemptionScheduled, status: 'True', reason: SpotEvictionIncoming, message: 'Preempt Scheduled: x'}",
                    "{type: PreemptScheduled, status: 'True'}",
                    "{type: TerminateScheduled, status: 'True', message: x}",
                    "{type: RedeployScheduled, status: 'True', message: x}"),
            conditions(
                    Signal.AKS_VM_EVENT,
                    "{type: VMEventScheduled, status: 'True', message: 'Preempt Scheduled: Mon, 02 Mar 2026 19:01:45 GMT'}",
                    "{type: VMEventScheduled, status: 'True', message: 'Terminate Started'}",
                    "{type: VMEventScheduled, status: 'True', message: 'Redeploy Scheduled: x'}"),
            taints(Signal.NTH_SPOT, "{key: aws-node-termination-handler/spot-itn, value: id, effect: NoSchedule}"),
            taints(
                    Signal.NTH_MAINTENANCE,
                    "{key: aws-node-termination-handler/scheduled-maintenance, effect: NoSchedule}"),
            taints(Signal.NTH_ASG, "{key: aws-node-termination-handler/asg-lifecycle-termination, effect: NoSchedule}"),
            taints(Signal.CLOUD_SHUTDOWN, "{key: node.cloudprovider.kubernetes.io/shutdown, effect: NoSchedule}"),
            taints(Signal.AUTOSCALER, "{key: ToBeDeletedByClusterAutoscaler, value: '1', effect: NoSchedule}"),
            taints(
                    Signal.OUT_OF_SERVICE,
                    "{key: node.kubernetes.io/out-of-service, value: nodeshutdown, effect: NoExecute}"),
            Map.entry(
                    Signal.CORDON,
                    List.of("metadata: {name: n}\nspec: {unschedulable: true, taints: [{key:"
                            + " node.kubernetes.io/unschedulable, effect: NoSchedule}]}\nstatus: {" + SERVING + "}")),
            taints(
                    Signal.NTH_REBALANCE,
                    "{key: aws-node-termination-handler/rebalance-recommendation, effect: NoSchedule}"),
            taints(
                    Signal.AUTOSCALER_CANDIDATE,
                    "{key: DeletionCandidateOfClusterAutoscaler, value: '1', effect: PreferNoSchedule}"),
            conditions(
                    Signal.AKS_VM_PAUSES,
                    "{type: VMEventScheduled, status: 'True', message: 'Freeze Scheduled: x'}",
                    "{type: VMEventScheduled, status: 'True'}",
                    "{type: FreezeScheduled, status: 'True', message: x}",
                    "{type: RebootScheduled, status: 'True', message: x}"),
            Map.entry(
                    Signal.GKE_SCHEDULED,
                    List.of("metadata: {name: n, labels: {cloud.google.com/scheduled-maintenance-time:"
                            + " '1733083200'}}\nstatus: {" + SERVING + "}")),
            taints(Signal.CLUSTER_API, "{key: node.cluster.x-k8s.io/outdated-revision, effect: PreferNoSchedule}"),
            Map.entry(
                    Signal.NOT_READY,
                    List.of(
                            "metadata: {name: n}\nstatus: {conditions: [{type: Ready, status: Unknown}]}",
                            "metadata: {name: n}\nstatus: {conditions: [{type: Ready, status: 'False'}]}")),
            Map.entry(Signal.NODE_GONE, List.of("")));

    private static Map.Entry<Signal, List<String>> taints(Signal signal, String... taints) {
        return Map.entry(
                signal,
                Stream.of(taints)
                        .map(taint -> "metadata: {name: n}\nspec: {taints: [{key: gpu, effect: NoSchedule}, " + taint
                                + "]}\nstatus: {" + SERVING + "}")
                        .toList());
    }

    private static Map.Entry<Signal, List<String>> conditions(Signal signal, String... conditions) {
        return Map.entry(
                signal,
                Stream.of(conditions)
                        .map(condition -> "metadata: {name: n}\nstatus: {conditions: [{type: Ready, status: 'True'}, "
                                + condition + "]}")
                        .toList());
    }

    @ParameterizedTest
    @EnumSource(Signal.class)
    void everySignalHasItsReaction(Signal signal) {
        switch (signal) {
            case DISRUPTION_TARGET ->
                assertThat(state(
                                "conditions: [{type: Ready, status: 'True'}, {type: DisruptionTarget, status: 'True',"
                                        + " reason: PreemptionByScheduler, message: for another}]",
                                "",
                                "",
                                0))
                        .isEqualTo(new PodState.Terminating("PreemptionByScheduler: for another"));
            case DELETED ->
                assertThat(state(SERVING, "deletionTimestamp: '2026-01-01T00:00:00Z'", "metadata: {name: n}", 0))
                        .isEqualTo(new PodState.Terminating("the pod was deleted"));
            case SIGTERM ->
                assertThat(observed(SERVING, "", node("metadata: {name: n}"), TrainerReport.State.Leaving, 0)
                                .state())
                        .isEqualTo(new PodState.Terminating("the trainer received SIGTERM"));
            default -> assertThat(ON_NODES).containsKey(signal);
        }
        for (String node : ON_NODES.getOrDefault(signal, List.of())) {
            boolean leaves = signal.reaction() == Reaction.NOTICE;
            assertThat(state(SERVING, "", node, 0) instanceof PodState.Terminating)
                    .as("a trainer that reports, on %s", node)
                    .isEqualTo(leaves);
            assertThat(state(SERVING, "", node, 5) instanceof PodState.Terminating)
                    .as("a silent trainer, on %s", node)
                    .isEqualTo(leaves || signal.reaction() == Reaction.SILENCE);
            Optional<String> hint = observed(SERVING, "", node(node), TrainerReport.State.Training, 0)
                    .facts()
                    .placement()
                    .hint();
            assertThat(hint.isPresent()).as("hint of %s", node).isEqualTo(signal.reaction() == Reaction.HINT);
        }
    }

    /** Another signal in the same place is not taken for it. */
    @ParameterizedTest
    @MethodSource("signalsOfNodes")
    void aSignalIsRecognizedOnItsOwnNodesAlone(Signal signal) {
        ON_NODES.forEach((other, nodes) -> nodes.stream()
                .filter(node -> !node.isEmpty())
                .forEach(node -> assertThat(signal.isOn(Serialization.unmarshal("---\n" + node, Node.class)))
                        .as("%s on a node with %s: %s", signal, other, node)
                        .isEqualTo(signal == other)));
    }

    static Stream<Signal> signalsOfNodes() {
        return ON_NODES.keySet().stream().filter(signal -> signal != Signal.NODE_GONE);
    }

    @Test
    void aNoticeEndsWithItsSignal() {
        for (String status : List.of("'False'", "Unknown")) {
            assertThat(state(
                            "conditions: [{type: Ready, status: 'True'}, {type: DisruptionTarget, status: " + status
                                    + ", reason: PreemptionByScheduler}]",
                            "",
                            "",
                            0))
                    .isInstanceOf(PodState.Ready.class);
        }
        for (String harmless : List.of(
                "spec: {taints: [{key: karpenter.sh/disruption, value: candidate, effect: PreferNoSchedule}]}",
                "spec: {taints: [{key: kubernetes.azure.com/scalesetpriority, value: spot, effect: NoSchedule}]}",
                "spec: {taints: [{key: cloud.google.com/gke-spot, value: 'true', effect: NoSchedule}]}",
                "spec: {unschedulable: false}",
                "status: {conditions: [{type: PreemptionScheduled, status: 'False', message: 'Preempt Scheduled: x'}]}",
                "status: {conditions: [{type: VMEventScheduled, status: 'False', message: VM has no scheduled event}]}",
                "status: {conditions: [{type: VMEventScheduled, status: Unknown, message: IMDS unavailable}]}")) {
            String node = "metadata: {name: n}\n" + harmless;
            assertThat(state(SERVING, "", node, 0)).as(node).isInstanceOf(PodState.Ready.class);
            assertThat(Signals.hint(node(node))).as(node).isEmpty();
        }
    }

    @Test
    void messagesNameNodeAndSignal() {
        assertThat(state(SERVING, "", first(Signal.KARPENTER_V1BETA1), 0))
                .isEqualTo(new PodState.Terminating(
                        "node n is about to be removed (taint karpenter.sh/disruption=disrupting)"));
        assertThat(Signals.hint(node(first(Signal.CORDON)))).contains("node n is cordoned");
        assertThat(Signals.hint(node(first(Signal.NTH_REBALANCE))))
                .contains("node n may be removed (taint aws-node-termination-handler/rebalance-recommendation)");
    }

    private static String first(Signal signal) {
        return requireNonNull(ON_NODES.get(signal)).get(0);
    }

    @ParameterizedTest
    @CsvSource({
        "example.com/going, true",
        "example.com/going=soon, true",
        "example.com/going=soon:NoSchedule, true",
        "example.com/going:NoSchedule, true",
        "example.com/going=later, false",
        "example.com/going:NoExecute, false",
        "example.com/goin, false",
        "example.com/going=, false"
    })
    void peopleAddTaints(String pattern, boolean matches) {
        Node node = Serialization.unmarshal(
                "---\nmetadata: {name: n}\nspec: {taints: [{key: example.com/going, value: soon, effect: NoSchedule}]}",
                Node.class);
        Signals signals = new Signals(TaintPattern.parseAll(" other , " + pattern + ","));
        assertThat(signals.notice(pod(SERVING, ""), Optional.of(node)))
                .isEqualTo(
                        matches
                                ? Optional.of("node n is about to be removed (taint " + pattern + ")")
                                : Optional.empty());
        assertThat(Signals.BUILT_IN.notice(pod(SERVING, ""), Optional.of(node))).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a/b/c", "=x", "a=b=c", "a:NoSuchEffect", "a=:", "-a", "a=-", "/a", "*"})
    void whatIsNoTaintIsRefusedByName(String text) {
        assertThatThrownBy(() -> TaintPattern.parseAll("ok," + text + ",b:NoWay"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"" + text + "\" is not a taint")
                .hasMessageContaining("\"b:NoWay\" is not a taint");
        assertThatThrownBy(() -> OperatorConfig.of(
                        Optional.empty(),
                        "all",
                        new OperatorConfig.Listen("", -1, 0, false),
                        Optional.empty(),
                        text,
                        false))
                .hasMessageContaining("--removal-taints: \"" + text + "\"")
                .hasMessageContaining("--port");
    }

    /** Run with -Dswav.golden=write to write the table. */
    @Test
    void theDocumentationHasTheSameTable() throws IOException {
        List<String> lines = Files.readAllLines(DOCS);
        int begin = lines.indexOf("<!-- signals: SignalsTest writes this table -->");
        int end = lines.indexOf("<!-- end of signals -->");
        assertThat(begin).isPositive().isLessThan(end);
        List<String> table =
                new ArrayList<>(List.of("", "| signal | sent by | reaction | known from |", "|---|---|---|---|"));
        Stream.of(Signal.values()).map(Signal::row).forEach(table::add);
        table.add("");
        if ("write".equals(System.getProperty("swav.golden"))) {
            List<String> all = new ArrayList<>(lines.subList(0, begin + 1));
            all.addAll(table);
            all.addAll(lines.subList(end, lines.size()));
            Files.write(DOCS, all);
            return;
        }
        assertThat(lines.subList(begin + 1, end).stream().collect(Collectors.joining("\n")))
                .isEqualTo(String.join("\n", table));
    }

    /** @param node empty if it does not exist */
    private static PodState state(String status, String metadata, String node, long silence) {
        return observed(status, metadata, node(node), TrainerReport.State.Training, silence)
                .state();
    }

    private static ObservedPod observed(
            String status, String metadata, Optional<Node> node, TrainerReport.State state, long silence) {
        TrainerReport report = Jobs.report("""
                {pod: job-0, uid: pod-uid, state: %s, address: "10.0.0.1:7000", generation: 1, step: 1,
                 steps: 100, message: words, time: t}
                """.formatted(state));
        return PodClassifier.classify(
                Signals.BUILT_IN,
                pod(status, metadata),
                node,
                Optional.of(report),
                Optional.of(Duration.ofSeconds(silence)),
                Optional.empty());
    }

    private static Pod pod(String status, String metadata) {
        return Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: pod-uid, creationTimestamp: '2026-01-01T00:00:00Z', %s}
                spec: {nodeName: n, containers: [{name: trainer}]}
                status: {phase: Running, %s}
                """.formatted(metadata, status), Pod.class);
    }

    private static Optional<Node> node(@Nullable String yaml) {
        return yaml == null || yaml.isEmpty()
                ? Optional.empty()
                : Optional.of(Serialization.unmarshal("---\n" + yaml, Node.class));
    }
}
