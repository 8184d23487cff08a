package io.swav.operator;

import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.swav.api.ExitCodes;
import io.swav.api.Fingerprints;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerReport;
import io.swav.planner.Hold;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.Placement;
import io.swav.planner.PodObject;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import io.swav.planner.ReportedFacts;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Classifies a pod from its object, its node, and what its trainer reports. */
final class PodClassifier {
    /** 128 plus the number of SIGKILL. */
    private static final int KILLED = 137;

    /** A responsive kubelet removes its pod by the end of the grace period, or not much later. */
    private static final Duration AFTER_GRACE = Duration.ofSeconds(10);

    /** How long a trainer may take to exit after it has reported a failure. */
    private static final Duration TIME_TO_EXIT = Duration.ofSeconds(30);

    private static final String RECEIVED_SIGTERM = "the trainer received SIGTERM";

    /** No trainer is believed to report less often than twice in this time. */
    private static final double LONGEST_SILENCE_MILLIS = 5 * 60 * 1000;

    private static final String NODE_NOT_READY = "NodeNotReady";

    private static final String NEVER_REPORTED =
            "exited with code 0 without ever reporting; check that spec.template has the trainer's image and command";

    private PodClassifier() {}

    /**
     * Classifies a pod.
     * @param signals that announce its end
     * @param node empty if the pod has none, or it no longer exists
     * @param silence time since the trainer's last report, empty if it never reported
     * @param hold what keeps the pod from starting
     */
    static ObservedPod classify(
            Signals signals,
            Pod pod,
            Optional<Node> node,
            Optional<TrainerReport> report,
            Optional<Duration> silence,
            Optional<Hold> hold) {
        Optional<TrainerReport> own =
                report.filter(r -> r.uid().equals(pod.getMetadata().getUid()));
        LivenessSignals liveness = own.map(r -> liveness(r, silence)).orElse(LivenessSignals.NONE);
        PodState state = state(signals, pod, node, own, liveness, silence.orElse(Duration.ZERO), hold);
        return new ObservedPod(
                pod.getMetadata().getName(),
                pod.getMetadata().getUid(),
                Instant.parse(pod.getMetadata().getCreationTimestamp()),
                state,
                liveness,
                lingers(pod, state),
                facts(pod, node, own),
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

    private static ReportedFacts facts(Pod pod, Optional<Node> node, Optional<TrainerReport> report) {
        return new ReportedFacts(
                new Placement(
                        Optional.ofNullable(pod.getSpec().getNodeName()).orElse(""),
                        Signals.hint(node),
                        AvoidedNodes.isKeptOff(pod)),
                report.map(TrainerReport::fingerprints).orElse(Fingerprints.NONE),
                report.map(TrainerReport::diverged),
                report.map(TrainerReport::epochs).isPresent());
    }

    private static LivenessSignals liveness(TrainerReport report, Optional<Duration> silence) {
        boolean ended =
                report.state() == TrainerReport.State.Done || report.state().isFailure();
        return new LivenessSignals(
                ended ? null : silence.orElse(null),
                report.awaitingPeers(),
                stalled(report),
                Optional.ofNullable(report.lostPeer()),
                report.step(),
                Optional.ofNullable(report.regroup()),
                Optional.ofNullable(report.reach()),
                silentAfter(report));
    }

    /** A report may be old while others report for its trainer: a world that makes steps has not stalled. */
    private static Optional<Duration> stalled(TrainerReport report) {
        return Optional.ofNullable(report.stalledSeconds())
                .map(s -> report.heardAll() ? Duration.ZERO : Duration.ofMillis(Math.round(1000 * s)));
    }

    /** Returns the time for two reports, as this trainer sends them while no other reports for it. */
    private static Duration silentAfter(TrainerReport report) {
        double announced = 2 * Objects.requireNonNullElse(report.nextWithin(), 0.0);
        Duration limit = Duration.ofMillis(Math.round(Math.min(1000 * announced, LONGEST_SILENCE_MILLIS)));
        return limit.compareTo(LivenessSignals.SILENCE_LIMIT) > 0 ? limit : LivenessSignals.SILENCE_LIMIT;
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
            Signals signals,
            Pod pod,
            Optional<Node> node,
            Optional<TrainerReport> report,
            LivenessSignals liveness,
            Duration silentFor,
            Optional<Hold> hold) {
        String phase = phase(pod);
        Optional<String> silence = Signals.silence(pod, node);
        // a trainer that reports is alive, whatever its kubelet does
        Optional<String> notice = signals.notice(pod, node)
                .or(() -> report.filter(r -> r.state() == TrainerReport.State.Leaving)
                        .map(r -> RECEIVED_SIGTERM))
                .or(() -> liveness.isSilent() ? silence : Optional.empty());
        Optional<ContainerStateTerminated> end = TrainerContainer.end(pod);
        if (end.map(e -> e.getExitCode() == 0).orElse("Succeeded".equals(phase))) {
            return exitedWithZero(pod, notice.or(() -> Evictions.takenAway(pod)), report);
        }
        if (end.isPresent() || "Failed".equals(phase)) {
            return ended(pod, notice.or(() -> Evictions.takenAway(pod)), end, report);
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
    private static PodState exitedWithZero(Pod pod, Optional<String> notice, Optional<TrainerReport> report) {
        if (report.filter(PodClassifier::isDone).isPresent()) {
            return new PodState.Done();
        }
        Optional<String> fault = Evictions.ownFault(pod);
        if (fault.isPresent()) {
            return new PodState.Ended(Cause.OVERUSED, fault.get());
        }
        return report.isPresent() || notice.isPresent()
                ? new PodState.Ended(Cause.PREEMPTED, notice.orElse("the trainer exited before the job was complete"))
                : new PodState.Ended(Cause.FAILED, NEVER_REPORTED);
    }

    private static boolean isDone(TrainerReport report) {
        return report.state() == TrainerReport.State.Done || (report.steps() > 0 && report.step() >= report.steps());
    }

    /** Returns when a deleted pod should be gone; deletionTimestamp is the end of its grace period. */
    private static Optional<Instant> overdue(Pod pod) {
        return Optional.ofNullable(pod.getMetadata().getDeletionTimestamp())
                .map(at -> Instant.parse(at).plus(AFTER_GRACE));
    }

    private static PodState failing(TrainerReport report, Duration silentFor) {
        Duration left = TIME_TO_EXIT.minus(silentFor);
        return left.isNegative() || left.isZero()
                ? new PodState.Ended(
                        Cause.FAILED, "the trainer reported a failure but has not exited: " + report.message())
                : new PodState.Failing("failed: " + report.message(), left);
    }

    private static PodState ended(
            Pod pod, Optional<String> notice, Optional<ContainerStateTerminated> end, Optional<TrainerReport> report) {
        Optional<String> fault = Evictions.ownFault(pod); // first: an eviction under node pressure is a notice, too
        if (fault.isPresent()) {
            return new PodState.Ended(Cause.OVERUSED, fault.get());
        }
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
        if ("OOMKilled".equals(end.get().getReason())) {
            return new PodState.Ended(Cause.OVERUSED, "out of memory (OOMKilled): raise the container's memory limit");
        }
        String why =
                "exit code " + exit + (exit == KILLED ? " (killed by SIGKILL)" : "") + lastWords(end.get(), report);
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
