package io.swav.operator;

import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.Taint;
import io.swav.api.ExitCodes;
import io.swav.api.Fingerprints;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerReport;
import io.swav.planner.Hold;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodObject;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import io.swav.planner.ReportedFacts;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Classifies a pod from its object, its node, and what its trainer reports. */
final class PodClassifier {
    /** Taints with which cloud providers and autoscalers announce that a node will be removed. */
    private static final Set<String> REMOVAL_TAINTS = Set.of(
            "karpenter.sh/disrupted",
            "ToBeDeletedByClusterAutoscaler",
            "cloud.google.com/impending-node-termination",
            "remediator.kubernetes.azure.com/unschedulable",
            "aws-node-termination-handler/spot-itn",
            "aws-node-termination-handler/scheduled-maintenance",
            "aws-node-termination-handler/asg-lifecycle-termination",
            "node.kubernetes.io/out-of-service");

    /** status.reason of pods that a kubelet did not admit, or evicted. */
    private static final Set<String> TAKEN_AWAY = Set.of(
            "Evicted",
            "Preempting",
            "NodeLost",
            "NodeShutdown",
            "Shutdown",
            "Terminated",
            "NodeAffinity",
            "TopologyAffinityError",
            "UnexpectedAdmissionError");

    /** The reason is this prefix and the resource's name: cpu, pods, nvidia.com/gpu. */
    private static final String OUT_OF = "OutOf";

    /** 128 plus the number of SIGKILL. */
    private static final int KILLED = 137;

    /** A responsive kubelet removes its pod by the end of the grace period, or not much later. */
    private static final Duration AFTER_GRACE = Duration.ofSeconds(10);

    /** How long a trainer may take to exit after it has reported a failure. */
    private static final Duration TIME_TO_EXIT = Duration.ofSeconds(30);

    private static final String RECEIVED_SIGTERM = "the trainer received SIGTERM";

    private static final String NODE_NOT_READY = "NodeNotReady";

    private static final String NEVER_REPORTED =
            "exited with code 0 without ever reporting; check that spec.template has the trainer's image and command";

    private PodClassifier() {}

    /**
     * Classifies a pod.
     * @param node empty if the pod has none, or it no longer exists
     * @param silence time since the trainer's last report, empty if it never reported
     * @param hold what keeps the pod from starting
     */
    static ObservedPod classify(
            Pod pod,
            Optional<Node> node,
            Optional<TrainerReport> report,
            Optional<Duration> silence,
            Optional<Hold> hold) {
        Optional<TrainerReport> own =
                report.filter(r -> r.uid().equals(pod.getMetadata().getUid()));
        LivenessSignals signals = own.map(r -> signals(r, silence)).orElse(LivenessSignals.NONE);
        PodState state = state(pod, node, own, signals, silence.orElse(Duration.ZERO), hold);
        return new ObservedPod(
                pod.getMetadata().getName(),
                pod.getMetadata().getUid(),
                Instant.parse(pod.getMetadata().getCreationTimestamp()),
                state,
                signals,
                lingers(pod, state),
                facts(pod, own),
                object(pod));
    }

    private static PodObject object(Pod pod) {
        Optional<Map<String, String>> labels =
                Optional.ofNullable(pod.getMetadata().getLabels());
        return new PodObject(
                labels.map(all -> all.get(ResourceNames.LABEL_REVISION)).orElse(""),
                deletion(pod.getMetadata()),
                ContainerFailures.ofSidecars(pod));
    }

    private static PodObject.Deletion deletion(ObjectMeta meta) {
        if (meta.getDeletionTimestamp() == null) {
            return PodObject.Deletion.NOT_REQUESTED;
        }
        Long grace = meta.getDeletionGracePeriodSeconds();
        return grace != null && grace == 0 ? PodObject.Deletion.FORCED : PodObject.Deletion.REQUESTED;
    }

    private static ReportedFacts facts(Pod pod, Optional<TrainerReport> report) {
        return new ReportedFacts(
                Optional.ofNullable(pod.getSpec().getNodeName()).orElse(""),
                report.map(TrainerReport::fingerprints).orElse(Fingerprints.NONE),
                report.map(TrainerReport::diverged));
    }

    private static LivenessSignals signals(TrainerReport report, Optional<Duration> silence) {
        boolean ended =
                report.state() == TrainerReport.State.Done || report.state().isFailure();
        return new LivenessSignals(
                ended ? null : silence.orElse(null),
                report.awaitingPeers(),
                Optional.ofNullable(report.stalledSeconds()).map(s -> Duration.ofMillis(Math.round(1000 * s))),
                Optional.ofNullable(report.lostPeer()),
                report.step(),
                Optional.ofNullable(report.regroup()),
                Optional.ofNullable(report.reach()));
    }

    private static @Nullable String phase(Pod pod) {
        return pod.getStatus() == null ? null : pod.getStatus().getPhase();
    }

    private static boolean lingers(Pod pod, PodState state) {
        boolean ended = state instanceof PodState.Done || state instanceof PodState.Ended;
        return ended
                && !"Succeeded".equals(phase(pod))
                && !"Failed".equals(phase(pod))
                && pod.getMetadata().getDeletionTimestamp() == null;
    }

    /** Judges by the trainer's container if that has ended: other containers may end differently, or not at all. */
    private static PodState state(
            Pod pod,
            Optional<Node> node,
            Optional<TrainerReport> report,
            LivenessSignals signals,
            Duration silentFor,
            Optional<Hold> hold) {
        String phase = phase(pod);
        Optional<String> silence = silence(pod, node);
        // a trainer that reports is alive, whatever its kubelet does
        Optional<String> notice = notice(pod, node)
                .or(() -> report.filter(r -> r.state() == TrainerReport.State.Leaving)
                        .map(r -> RECEIVED_SIGTERM))
                .or(() -> signals.isSilent() ? silence : Optional.empty());
        Optional<ContainerStateTerminated> end = TrainerContainer.end(pod);
        if (end.map(e -> e.getExitCode() == 0).orElse("Succeeded".equals(phase))) {
            return exitedWithZero(notice.or(() -> takenAway(pod)), report);
        }
        if (end.isPresent() || "Failed".equals(phase)) {
            return ended(pod, notice.or(() -> takenAway(pod)), end, report);
        }
        if (notice.isPresent()) {
            return new PodState.Terminating(notice.get(), silence.flatMap(s -> overdue(pod)));
        }
        Optional<TrainerReport> failed = report.filter(r -> r.state().isFailure());
        if (failed.isPresent()) {
            return failing(failed.get(), silentFor);
        }
        Optional<String> address = report.map(TrainerReport::address);
        if (TrainerContainer.isReady(pod) && address.isPresent()) {
            return new PodState.Ready(address.get());
        }
        return silence.map(why -> new Hold(Hold.Kind.WAITS, NODE_NOT_READY, why))
                .or(() -> hold)
                .map(PodState.Starting::new)
                .orElseGet(() -> new PodState.Starting(waitingFor(pod, report)));
    }

    /**
     * Classifies an exit code of 0. A trainer reports before it enters a world, so a pod that never reported has done
     * nothing for the job.
     */
    private static PodState exitedWithZero(Optional<String> notice, Optional<TrainerReport> report) {
        if (report.filter(PodClassifier::isDone).isPresent()) {
            return new PodState.Done();
        }
        return report.isPresent() || notice.isPresent()
                ? new PodState.Ended(Cause.PREEMPTED, notice.orElse("the trainer exited before the job was complete"))
                : new PodState.Ended(Cause.FAILED, NEVER_REPORTED);
    }

    private static boolean isDone(TrainerReport report) {
        return report.state() == TrainerReport.State.Done || (report.steps() > 0 && report.step() >= report.steps());
    }

    /** Returns why the pod is about to leave; empty if it has no notice. */
    private static Optional<String> notice(Pod pod, Optional<Node> node) {
        Optional<PodCondition> disruption =
                condition(pod, "DisruptionTarget").filter(c -> "True".equals(c.getStatus()));
        if (disruption.isPresent()) {
            String reason = Optional.ofNullable(disruption.get().getReason()).orElse("DisruptionTarget");
            return Optional.of(Optional.ofNullable(disruption.get().getMessage())
                    .filter(message -> !message.isBlank())
                    .map(message -> reason + ": " + message)
                    .orElse(reason));
        }
        Optional<String> taint = node.flatMap(PodClassifier::removalTaint);
        if (taint.isPresent()) {
            return taint;
        }
        return Optional.ofNullable(pod.getMetadata().getDeletionTimestamp()).map(at -> "the pod was deleted");
    }

    /** Returns when a deleted pod should be gone; deletionTimestamp is the end of its grace period. */
    private static Optional<Instant> overdue(Pod pod) {
        return Optional.ofNullable(pod.getMetadata().getDeletionTimestamp())
                .map(at -> Instant.parse(at).plus(AFTER_GRACE));
    }

    private static Optional<String> removalTaint(Node node) {
        List<Taint> taints = node.getSpec() == null ? List.of() : node.getSpec().getTaints();
        return taints.stream()
                .map(Taint::getKey)
                .filter(REMOVAL_TAINTS::contains)
                .findFirst()
                .map(key -> "node " + node.getMetadata().getName() + " is about to be removed (taint " + key + ")");
    }

    private static Optional<String> silence(Pod pod, Optional<Node> node) {
        String name = pod.getSpec().getNodeName();
        if (name == null) {
            return Optional.empty();
        }
        if (node.isEmpty()) {
            return Optional.of("node " + name + " no longer exists");
        }
        return Optional.ofNullable(node.get().getStatus()).stream()
                .flatMap(status -> status.getConditions().stream())
                .filter(c -> "Ready".equals(c.getType()) && !"True".equals(c.getStatus()))
                .findFirst()
                .map(c -> "node " + name + " is not responding");
    }

    private static PodState failing(TrainerReport report, Duration silentFor) {
        Duration left = TIME_TO_EXIT.minus(silentFor);
        return left.isNegative() || left.isZero()
                ? new PodState.Ended(
                        Cause.FAILED, "the trainer reported a failure but has not exited: " + report.message())
                : new PodState.Failing("failed: " + report.message(), left);
    }

    /** Returns why a kubelet did not admit the pod, or evicted it. */
    private static Optional<String> takenAway(Pod pod) {
        String reason = pod.getStatus().getReason();
        String message = pod.getStatus().getMessage();
        return Optional.ofNullable(reason)
                .filter(r -> TAKEN_AWAY.contains(r) || r.startsWith(OUT_OF))
                .map(r -> message == null ? r : r + ": " + message);
    }

    private static PodState ended(
            Pod pod, Optional<String> notice, Optional<ContainerStateTerminated> end, Optional<TrainerReport> report) {
        if (notice.isPresent()) {
            return new PodState.Ended(Cause.PREEMPTED, notice.get());
        }
        if (end.isEmpty()) {
            return new PodState.Ended(Cause.FAILED, unstarted(pod));
        }
        int exit = end.get().getExitCode();
        if (exit == ExitCodes.PREEMPTED) {
            return new PodState.Ended(Cause.PREEMPTED, RECEIVED_SIGTERM);
        }
        if (exit == ExitCodes.NOT_FINITE) {
            return new PodState.Ended(Cause.NOT_FINITE, "a step is not finite" + lastWords(end.get(), report));
        }
        String why = "OOMKilled".equals(end.get().getReason())
                ? "out of memory (OOMKilled): raise the container's memory limit"
                : "exit code " + exit + (exit == KILLED ? " (killed by SIGKILL)" : "") + lastWords(end.get(), report);
        boolean unfit =
                report.filter(r -> r.state() == TrainerReport.State.Unfit).isPresent();
        return unfit
                ? new PodState.Ended(Cause.FAILED, "node " + pod.getSpec().getNodeName() + " is unfit, " + why)
                : new PodState.Ended(cause(exit), why);
    }

    /** Returns why a pod failed whose trainer did not end, as far as is known. */
    private static String unstarted(Pod pod) {
        return ContainerFailures.ofInit(pod)
                .or(() -> Optional.ofNullable(pod.getStatus().getReason()))
                .orElse("the pod failed");
    }

    private static Cause cause(int exit) {
        if (exit == ExitCodes.NO_INPUT || exit == ExitCodes.BAD_DATA) {
            return Cause.NO_DATA;
        }
        return ExitCodes.isPermanent(exit) ? Cause.PERMANENT : Cause.FAILED;
    }

    /** Returns the trainer's own explanation: its report's message, or the last line of the termination message. */
    private static String lastWords(ContainerStateTerminated end, Optional<TrainerReport> report) {
        Optional<String> reported = report.filter(r -> r.state().isFailure()).map(TrainerReport::message);
        return reported.or(() -> ContainerFailures.lastLine(end.getMessage()))
                .map(words -> ": " + words.strip())
                .orElse("");
    }

    /**
     * Returns what a pod waits for that nothing holds: a container that is being created, or what the trainer itself
     * reports.
     */
    private static String waitingFor(Pod pod, Optional<TrainerReport> report) {
        Optional<String> waiting = Optional.ofNullable(pod.getStatus()).stream()
                .flatMap(status -> status.getContainerStatuses().stream())
                .map(ContainerStatus::getState)
                .filter(state -> state != null && state.getWaiting() != null)
                .map(state -> state.getWaiting().getReason())
                .findFirst();
        return waiting.or(() -> report.map(TrainerReport::message)).orElse("starting");
    }

    static boolean isTrue(Pod pod, String condition) {
        return condition(pod, condition)
                .filter(c -> "True".equals(c.getStatus()))
                .isPresent();
    }

    static Optional<PodCondition> condition(Pod pod, String type) {
        @Nullable
        List<PodCondition> conditions =
                pod.getStatus() == null ? null : pod.getStatus().getConditions();
        return conditions == null
                ? Optional.empty()
                : conditions.stream().filter(c -> type.equals(c.getType())).findFirst();
    }
}
