package io.swav.operator;

import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.MicroTime;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodSchedulingGate;
import io.swav.planner.Hold;
import io.swav.planner.Hold.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds what keeps a pod from starting, as a function of its status, its Events and the time. A kubelet states in the
 * status why a container cannot be created; about a volume that cannot be mounted it only writes an Event, and the
 * container shows no more than ContainerCreating.
 */
final class PodHolds {
    /**
     * A start that takes no longer than this does not need a person: what the pod refers to may be applied together
     * with the job, a moment later.
     */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Interval at which Events are read again while they are needed, because they are not watched. */
    static final Duration RECHECK_EVERY = Duration.ofSeconds(10);

    /** Reasons of a waiting container that do not state what it waits for. */
    private static final Set<String> BEING_MADE = Set.of("ContainerCreating", "PodInitializing");

    private static final Set<String> PULL = Set.of("ErrImagePull", "ImagePullBackOff");

    /** Reasons after which no further try of the kubelet can succeed. */
    private static final Set<String> INVALID = Set.of("InvalidImageName", "ErrImageNeverPull");

    private static final String CONFIG_ERROR = "CreateContainerConfigError";
    /** Reasons of a container that exists or should, but does not run. */
    private static final Set<String> RUN_ERRORS =
            Set.of("CreateContainerError", "RunContainerError", "PreStartHookError", "PostStartHookError");

    /** Matches what a container runtime answers if the image and the container's settings do not fit each other. */
    private static final Pattern CANNOT_RUN = Pattern.compile(
            "executable file not found|no such file or directory|exec format error|permission denied"
                    + "|not a directory|unable to find (user|group)|no command specified",
            Pattern.CASE_INSENSITIVE);

    private static final String PULL_FAILED = "Failed to pull image";

    /** Matches references to missing objects, in the words of scheduler and kubelet. */
    private static final Pattern MISSING = Pattern.compile(
            "(configmap|secret|persistentvolumeclaim|serviceaccount)s? \"[^\"]+\" (not found|is being deleted|is forbidden)"
                    + "|references non-existent|couldn't find key|hostPath type check failed",
            Pattern.CASE_INSENSITIVE);

    /** Matches what a kubelet reports when it has not read the object yet, which does not mean that it is missing. */
    private static final Pattern NOT_READ_YET = Pattern.compile("failed to sync|timed out|not registered");

    /** Matches a registry's answers that reject this image for good rather than at this moment. */
    private static final Pattern NO_SUCH_IMAGE = Pattern.compile(
            "not found|manifest unknown|does not exist|denied|unauthorized|authentication required|forbidden"
                    + "|no matching manifest|invalid reference",
            Pattern.CASE_INSENSITIVE);

    /**
     * A pod's Events.
     *
     * @param unreadable why they could not be read; empty if they were read, or were not needed
     */
    record Events(List<Event> items, Optional<String> unreadable) {
        static final Events NONE = new Events(List.of(), Optional.empty());
    }

    private PodHolds() {}

    /** Whether the pod's status has not stated for a while what the pod waits for. */
    static boolean needsEvents(Pod pod, Instant now) {
        return isPending(pod)
                && unscheduled(pod).isEmpty()
                && !now.isBefore(patienceEnd(pod))
                && (statuses(pod).findAny().isEmpty()
                        || waiting(pod)
                                .map(ContainerStateWaiting::getReason)
                                .anyMatch(reason -> BEING_MADE.contains(reason) || PULL.contains(reason)));
    }

    /** Returns when to check the pod again although it has not changed. */
    static Optional<Instant> recheckAt(Pod pod, Instant now) {
        Instant patienceEnd = patienceEnd(pod);
        if (!isPending(pod)) {
            return Optional.empty();
        }
        if (now.isBefore(patienceEnd)) {
            return Optional.of(patienceEnd);
        }
        return needsEvents(pod, now) ? Optional.of(now.plus(RECHECK_EVERY)) : Optional.empty();
    }

    /** Returns what holds the pod; empty while its start takes its normal time, and when it runs. */
    static Optional<Hold> of(Pod pod, Events events, Instant now) {
        Optional<Hold> hold = unscheduled(pod)
                .or(() -> statuses(pod)
                        .flatMap(status -> ofContainer(pod, status, events).stream())
                        .findFirst())
                .or(() -> needsEvents(pod, now) ? ofPod(pod, events) : Optional.empty());
        return now.isBefore(patienceEnd(pod))
                ? hold.map(early -> new Hold(Kind.WAITS, early.reason(), early.message()))
                : hold;
    }

    private static Optional<Hold> unscheduled(Pod pod) {
        return PodClassifier.condition(pod, "PodScheduled")
                .filter(condition -> "False".equals(condition.getStatus()))
                .map(condition -> {
                    String message = text(condition.getMessage()) + gates(pod);
                    return new Hold(
                            kind(message),
                            Optional.ofNullable(condition.getReason()).orElse("Unschedulable"),
                            message);
                });
    }

    private static String gates(Pod pod) {
        List<PodSchedulingGate> gates = pod.getSpec().getSchedulingGates();
        return gates == null || gates.isEmpty()
                ? ""
                : gates.stream().map(PodSchedulingGate::getName).collect(Collectors.joining(", ", " (", ")"));
    }

    private static Optional<Hold> ofContainer(Pod pod, ContainerStatus status, Events events) {
        return Optional.ofNullable(status.getState())
                .map(ContainerState::getWaiting)
                .flatMap(waiting -> ofWaiting(text(waiting.getReason()), text(waiting.getMessage()), events))
                .map(hold -> inItsWords(pod, status, hold));
    }

    private static Optional<Hold> ofWaiting(String reason, String message, Events events) {
        if (BEING_MADE.contains(reason)) {
            return Optional.empty();
        }
        if (PULL.contains(reason)) {
            String cause =
                    message + pullFailure(events).map(words -> "; " + words).orElse("");
            return Optional.of(
                    new Hold(NO_SUCH_IMAGE.matcher(cause).find() ? Kind.NEEDS_ACTION : Kind.WAITS, reason, cause));
        }
        boolean invalid = INVALID.contains(reason)
                || (reason.equals(CONFIG_ERROR)
                        && !NOT_READ_YET.matcher(message).find())
                || (RUN_ERRORS.contains(reason) && CANNOT_RUN.matcher(message).find());
        return Optional.of(new Hold(invalid ? Kind.NEEDS_ACTION : Kind.WAITS, reason, message));
    }

    /** Adds which container it is, unless it is the trainer's, and how it ended before a kubelet tries it again. */
    private static Hold inItsWords(Pod pod, ContainerStatus status, Hold hold) {
        String name = ContainerFailures.name(pod, status.getName())
                .map(what -> what + ": ")
                .orElse("");
        String end = ContainerFailures.lastFailure(status)
                .map(last -> "; it ended with " + ContainerFailures.words(last))
                .orElse("");
        return new Hold(hold.kind(), hold.reason(), name + hold.message() + end);
    }

    /** Returns the registry's answer from the Events, because a kubelet that backs off does not repeat it. */
    private static Optional<String> pullFailure(Events events) {
        return events.items().stream()
                .filter(event -> text(event.getMessage()).startsWith(PULL_FAILED))
                .max(Comparator.comparing(PodHolds::time))
                .map(Event::getMessage);
    }

    /**
     * Judges a pod whose status states no cause: by warnings that no later progress followed, one that needs a person
     * first.
     */
    private static Optional<Hold> ofPod(Pod pod, Events events) {
        Predicate<Event> isWarning = event -> "Warning".equals(event.getType());
        Instant lastProgress = events.items().stream()
                .filter(isWarning.negate())
                .map(PodHolds::time)
                .max(Comparator.naturalOrder())
                .orElse(Instant.EPOCH);
        Optional<Hold> warning = events.items().stream()
                .filter(isWarning)
                .filter(event -> !time(event).isBefore(lastProgress))
                .sorted(Comparator.comparing(PodHolds::time).reversed())
                .map(event ->
                        new Hold(kind(text(event.getMessage())), text(event.getReason()), text(event.getMessage())))
                .max(Comparator.comparing(Hold::kind)); // the first of equal ones
        return warning.or(() -> unreadableEvents(pod, events)).or(() -> notScheduled(pod));
    }

    private static Optional<Hold> unreadableEvents(Pod pod, Events events) {
        return events.unreadable()
                .map(why -> new Hold(
                        Kind.WAITS,
                        waiting(pod)
                                .map(ContainerStateWaiting::getReason)
                                .findFirst()
                                .orElse("Pending"),
                        "the pod's Events, which may name the cause, cannot be read: " + why
                                + ". See kubectl describe pod "
                                + pod.getMetadata().getName()));
    }

    private static Optional<Hold> notScheduled(Pod pod) {
        return pod.getSpec().getNodeName() == null
                ? Optional.of(new Hold(
                        Kind.WAITS,
                        "NotScheduled",
                        "no scheduler has processed the pod (spec.schedulerName "
                                + pod.getSpec().getSchedulerName() + ")"))
                : Optional.empty();
    }

    private static Kind kind(String message) {
        return MISSING.matcher(message).find() && !NOT_READ_YET.matcher(message).find()
                ? Kind.NEEDS_ACTION
                : Kind.WAITS;
    }

    private static boolean isPending(Pod pod) {
        String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
        return pod.getMetadata().getDeletionTimestamp() == null && (phase == null || phase.equals("Pending"));
    }

    /** A start is timed from when the pod got a node, or else from its creation. */
    private static Instant patienceEnd(Pod pod) {
        return PodClassifier.condition(pod, "PodScheduled")
                .filter(condition -> "True".equals(condition.getStatus()))
                .map(PodCondition::getLastTransitionTime)
                .map(Instant::parse)
                .orElseGet(() -> Instant.parse(pod.getMetadata().getCreationTimestamp()))
                .plus(PATIENCE);
    }

    private static Stream<ContainerStateWaiting> waiting(Pod pod) {
        return statuses(pod)
                .map(ContainerStatus::getState)
                .filter(state -> state != null && state.getWaiting() != null)
                .map(state -> state.getWaiting());
    }

    private static Stream<ContainerStatus> statuses(Pod pod) {
        return pod.getStatus() == null
                ? Stream.of()
                : Stream.concat(
                        pod.getStatus().getInitContainerStatuses().stream(),
                        pod.getStatus().getContainerStatuses().stream());
    }

    /** Returns when the Event happened last: older and newer recorders write it to different fields. */
    private static Instant time(Event event) {
        MicroTime observed =
                event.getSeries() == null ? null : event.getSeries().getLastObservedTime();
        return Stream.of(
                        observed == null ? null : observed.getTime(),
                        event.getLastTimestamp(),
                        event.getEventTime() == null
                                ? null
                                : event.getEventTime().getTime(),
                        event.getFirstTimestamp(),
                        event.getMetadata().getCreationTimestamp())
                .filter(time -> time != null)
                .findFirst()
                .map(Instant::parse)
                .orElse(Instant.EPOCH);
    }

    private static String text(@Nullable String text) {
        return text == null ? "" : text;
    }
}
