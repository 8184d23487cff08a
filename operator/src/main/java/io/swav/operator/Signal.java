package io.swav.operator;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeCondition;
import io.fabric8.kubernetes.api.model.NodeSpec;
import io.fabric8.kubernetes.api.model.Taint;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * The signals by which a cluster announces that a trainer's pod or node will go, or may go, and what the operator does
 * about each. {@code docs/signals.md} has the same table; a test holds the two together. {@link Signals} reads them.
 */
enum Signal {
    DISRUPTION_TARGET(
            Signal::elsewhere,
            "pod condition `DisruptionTarget`",
            "kube-scheduler (preemption), eviction API (`kubectl drain`, autoscalers), taint eviction, pod garbage collection, kubelet",
            Reaction.NOTICE,
            "Kubernetes documentation, Disruptions"),
    DELETED(
            Signal::elsewhere,
            "pod's `deletionTimestamp`",
            "whoever deletes the pod",
            Reaction.NOTICE,
            "Kubernetes documentation, Pod Lifecycle"),
    SIGTERM(
            Signal::elsewhere,
            "SIGTERM to the trainer, in its report",
            "kubelet: deletion, graceful node shutdown, eviction",
            Reaction.NOTICE,
            "Kubernetes documentation, Node Shutdowns"),

    KARPENTER_V1("karpenter.sh/disrupted", "Karpenter v1", Reaction.NOTICE, "Karpenter documentation, Disruption"),
    KARPENTER_V1BETA1(
            "karpenter.sh/disruption=disrupting",
            "Karpenter v1beta1",
            Reaction.NOTICE,
            "Karpenter design note no-schedule-taint.md"),
    GKE_TERMINATION(
            "cloud.google.com/impending-node-termination",
            "GKE: spot preemption, maintenance of GPU and TPU hosts",
            Reaction.NOTICE,
            "arguments of GKE's maintenance-handler, which has effect NoSchedule"),
    GKE_MAINTENANCE(
            label("cloud.google.com/active-node-maintenance", Pattern.compile("ONGOING")),
            "label `cloud.google.com/active-node-maintenance=ONGOING`",
            "GKE: host maintenance has begun to stop workloads",
            Reaction.NOTICE,
            "GKE documentation, Manage disruption for GPUs and TPUs"),
    AKS_DRAIN(
            "remediator.kubernetes.azure.com/unschedulable",
            "AKS node auto-drain and auto-repair",
            Reaction.NOTICE,
            "AKS documentation, Node auto-drain"),
    AKS_DRAIN_OLD(
            "remediator.aks.microsoft.com/unschedulable",
            "AKS before 2023",
            Reaction.NOTICE,
            "AKS release notes, which name the change of the key"),
    AKS_VM_GOES(
            condition("(Preemption|Preempt|Terminate|Redeploy)Scheduled", "(?s).*"),
            "node condition `PreemptionScheduled`, `PreemptScheduled`, `TerminateScheduled` or `RedeployScheduled`",
            "AKS node-problem-detector, from Azure's scheduled events",
            Reaction.NOTICE,
            "AKS documentation, Node auto-drain (these are drained); the first name from code of Karpenter's provider for Azure"),
    AKS_VM_EVENT(
            condition("VMEventScheduled", "(?s)(Preempt|Terminate|Redeploy)\\b.*"),
            "node condition `VMEventScheduled` with a message that begins with Preempt, Terminate or Redeploy",
            "AKS node-problem-detector",
            Reaction.NOTICE,
            "AKS documentation, Node auto-drain; messages from code of Karpenter's provider for Azure"),
    NTH_SPOT(
            "aws-node-termination-handler/spot-itn",
            "AWS Node Termination Handler (`taintNode`)",
            Reaction.NOTICE,
            "README of its chart and its code"),
    NTH_MAINTENANCE(
            "aws-node-termination-handler/scheduled-maintenance",
            "AWS Node Termination Handler",
            Reaction.NOTICE,
            "README of its chart and its code"),
    NTH_ASG(
            "aws-node-termination-handler/asg-lifecycle-termination",
            "AWS Node Termination Handler: scale-in",
            Reaction.NOTICE,
            "README of its chart and its code"),
    CLOUD_SHUTDOWN(
            "node.cloudprovider.kubernetes.io/shutdown",
            "cloud controller manager: the instance is shut down",
            Reaction.NOTICE,
            "Kubernetes documentation, Well-Known Labels, Annotations and Taints"),
    AUTOSCALER(
            "ToBeDeletedByClusterAutoscaler",
            "cluster autoscaler: it drains the node",
            Reaction.NOTICE,
            "its code, utils/taints"),
    OUT_OF_SERVICE(
            "node.kubernetes.io/out-of-service",
            "a person or a cloud controller: the node is shut down for good",
            Reaction.NOTICE,
            "Kubernetes documentation, Node Shutdowns"),

    CORDON(
            node -> spec(node).map(NodeSpec::getUnschedulable).orElse(false),
            "`spec.unschedulable` of the node (cordon)",
            "`kubectl cordon`, and `kubectl drain` before it evicts",
            Reaction.HINT,
            "Kubernetes documentation, Nodes"),
    NTH_REBALANCE(
            "aws-node-termination-handler/rebalance-recommendation",
            "AWS Node Termination Handler: a raised risk, possibly hours ahead",
            Reaction.HINT,
            "README of its chart; EC2 documentation, Rebalance recommendations"),
    AUTOSCALER_CANDIDATE(
            "DeletionCandidateOfClusterAutoscaler",
            "cluster autoscaler: the node has been unneeded for a while",
            Reaction.HINT,
            "its code, utils/taints (PreferNoSchedule)"),
    AKS_VM_PAUSES(
            condition("(VMEvent|Freeze|Reboot)Scheduled", "(?s)(?!(Preempt|Terminate|Redeploy)\\b).*"),
            "node condition `FreezeScheduled`, `RebootScheduled`, or `VMEventScheduled` with another message",
            "AKS node-problem-detector: the VM pauses or restarts",
            Reaction.HINT,
            "AKS documentation, Node auto-drain (these are not drained)"),
    GKE_SCHEDULED(
            label("cloud.google.com/scheduled-maintenance-time", Pattern.compile(".*")),
            "label `cloud.google.com/scheduled-maintenance-time`",
            "GKE: maintenance of a GPU or TPU host, days ahead",
            Reaction.HINT,
            "GKE documentation, Manage disruption for GPUs and TPUs"),
    CLUSTER_API(
            "node.cluster.x-k8s.io/outdated-revision",
            "Cluster API: the node will be replaced in a rollout",
            Reaction.HINT,
            "Cluster API proposal on taints"),

    NOT_READY(
            node -> Signals.conditions(node)
                    .anyMatch(c -> "Ready".equals(c.getType()) && !"True".equals(c.getStatus())),
            "node condition `Ready` is False or Unknown",
            "kubelet, node lifecycle controller",
            Reaction.SILENCE,
            "Kubernetes documentation, Nodes"),
    NODE_GONE(
            Signal::elsewhere,
            "the pod's node does not exist",
            "cloud controller manager, autoscalers",
            Reaction.SILENCE,
            "Kubernetes documentation, Nodes");

    /** What the operator does about a signal. */
    enum Reaction {
        /** The trainer leaves the world between two steps. */
        NOTICE("leaves"),
        /** Nobody leaves; the status names the node, and newcomers on other nodes enter the world first. */
        HINT("hint"),
        /** The trainer leaves if it does not report either: one that reports is alive, whatever its kubelet does. */
        SILENCE("leaves if silent");

        private final String words;

        Reaction(String words) {
            this.words = words;
        }
    }

    @SuppressWarnings("ImmutableEnumChecker") // without state, as its type cannot say
    private final Predicate<Node> onNode;

    private final String what;
    private final String sender;
    private final Reaction reaction;
    private final String source;

    /** Creates a signal that is a taint. */
    Signal(String taint, String sender, Reaction reaction, String source) {
        this(taint(taint), "taint `" + taint + "`", sender, reaction, source);
    }

    /** @param onNode whether a node object has the signal */
    Signal(Predicate<Node> onNode, String what, String sender, Reaction reaction, String source) {
        this.onNode = onNode;
        this.what = what;
        this.sender = sender;
        this.reaction = reaction;
        this.source = source;
    }

    Reaction reaction() {
        return reaction;
    }

    boolean isOn(Node node) {
        return onNode.test(node);
    }

    /** Names the signal in a message. */
    String words() {
        return what.replace("`", "");
    }

    /** Returns its row of the table in the documentation. */
    String row() {
        return "| " + what + " | " + sender + " | " + reaction.words + " | " + source + " |";
    }

    /** Returns false, for a signal that is not on the node object. */
    private static boolean elsewhere(Node node) {
        return false;
    }

    private static Predicate<Node> taint(String pattern) {
        TaintPattern taint = TaintPattern.parse(pattern);
        return node -> taints(node).stream().anyMatch(taint::matches);
    }

    static List<Taint> taints(Node node) {
        return spec(node).map(NodeSpec::getTaints).orElse(List.of());
    }

    private static Optional<NodeSpec> spec(Node node) {
        return Optional.ofNullable(node.getSpec());
    }

    private static Predicate<Node> label(String key, Pattern value) {
        return node -> Optional.ofNullable(node.getMetadata().getLabels())
                .map(labels -> labels.get(key))
                .filter(text -> value.matcher(text).matches())
                .isPresent();
    }

    /** @param message that its message, possibly empty, matches */
    private static Predicate<Node> condition(String type, String message) {
        Pattern types = Pattern.compile(type);
        Pattern messages = Pattern.compile(message);
        return node -> Signals.conditions(node)
                .filter(c -> "True".equals(c.getStatus())
                        && types.matcher(c.getType()).matches())
                .map(NodeCondition::getMessage)
                .anyMatch(text -> messages.matcher(text == null ? "" : text).matches());
    }
}
