package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Decides what a kubelet does next for a pod: a function of the pod, its containers and the time. The rules are those of
 * "Pod Lifecycle" in the Kubernetes documentation: init containers one after the other, restart policy with
 * exponential back-off, active deadline, grace period.
 */
final class PodLifecycle {
    static final Duration FIRST_BACK_OFF = Duration.ofSeconds(10);
    static final Duration LONGEST_BACK_OFF = Duration.ofMinutes(5);

    /** The next action. */
    sealed interface Action permits Start, Stop, Fail, Remove, Rest {}

    record Start(Container container) implements Action {}

    /** Send SIGTERM to the running containers, and SIGKILL at {@code killAt}. */
    record Stop(Instant killAt) implements Action {}

    /** Fail the pod permanently. */
    record Fail(String reason, String message) implements Action {}

    /** Delete the object with grace 0, and its folder: the pod is being deleted and every process has ended. */
    record Remove() implements Action {}

    /** Do nothing until the next event, or until {@code wake}. */
    record Rest(Optional<Instant> wake) implements Action {}

    private PodLifecycle() {}

    static Action next(Pod pod, PodRuntimeState view, Instant now) {
        boolean anyRunning = view.all().anyMatch(ContainerRuntimeState::running);
        String deleted = pod.getMetadata().getDeletionTimestamp();
        if (deleted != null) {
            // the API server sets deletionTimestamp to the end of the grace period
            return anyRunning ? new Stop(Instant.parse(deleted)) : new Remove();
        }
        if (view.failure().isPresent()) {
            return anyRunning ? new Stop(now.plus(grace(pod))) : new Rest(Optional.empty());
        }
        Optional<Instant> wake = deadline(pod, view);
        if (wake.isPresent() && !wake.get().isAfter(now)) {
            return new Fail("DeadlineExceeded", "the pod was active for longer than its activeDeadlineSeconds");
        }
        for (int i = 0; i < view.init().size(); i++) {
            ContainerRuntimeState init = view.init().get(i);
            if (!init.succeeded()) {
                return startOrRest(pod.getSpec().getInitContainers().get(i), init, now, wake);
            }
        }
        for (int i = 0; i < view.main().size(); i++) {
            ContainerRuntimeState container = view.main().get(i);
            Action action = startOrRest(pod.getSpec().getContainers().get(i), container, now, wake);
            if (action instanceof Rest rest) {
                wake = earlier(wake, rest.wake());
            } else {
                return action;
            }
        }
        return new Rest(wake);
    }

    /** The end of the pod's activeDeadlineSeconds, counted from its start; empty if unset or the pod has ended. */
    static Optional<Instant> deadline(Pod pod, PodRuntimeState view) {
        Long seconds = pod.getSpec().getActiveDeadlineSeconds();
        boolean done =
                view.failure().isPresent() || PodStatuses.phase(pod, view).matches("Succeeded|Failed");
        return seconds == null || done
                ? Optional.empty()
                : Optional.of(view.startTime().plusSeconds(seconds));
    }

    /** The delay before run number {@code runs + 1}. */
    static Duration backOff(int runs) {
        if (runs <= 1) {
            return Duration.ZERO; // the first restart is immediate
        }
        Duration wait = FIRST_BACK_OFF.multipliedBy(1L << Math.min(runs - 2, 10));
        return wait.compareTo(LONGEST_BACK_OFF) > 0 ? LONGEST_BACK_OFF : wait;
    }

    static boolean restarts(Pod pod, ContainerRuntimeState container) {
        return switch (policy(pod)) {
            case "Never" -> false;
            case "OnFailure" -> !container.succeeded();
            default -> true;
        };
    }

    static Duration grace(Pod pod) {
        Long seconds = pod.getSpec().getTerminationGracePeriodSeconds();
        return Duration.ofSeconds(seconds == null ? 30 : seconds);
    }

    /** The container's state after its run has ended: exited, or waiting for a restart. */
    static ContainerRuntimeState ended(
            Pod pod, PodRuntimeState view, ContainerRuntimeState container, ContainerRuntimeState.Exited exited) {
        boolean init = view.init().contains(container);
        ContainerRuntimeState now = container.withState(exited);
        boolean restart = init ? !"Never".equals(policy(pod)) && exited.code() != 0 : restarts(pod, now);
        if (!restart || view.failure().isPresent() || pod.getMetadata().getDeletionTimestamp() != null) {
            return now;
        }
        Duration wait = backOff(container.runs());
        return container.waitAgain(
                new ContainerRuntimeState.Waiting(
                        "CrashLoopBackOff",
                        "back-off " + wait.toSeconds() + "s restarting container " + container.name(),
                        exited.at().plus(wait)),
                exited);
    }

    private static Action startOrRest(Container spec, ContainerRuntimeState view, Instant now, Optional<Instant> wake) {
        if (view.state() instanceof ContainerRuntimeState.Waiting waiting) {
            return waiting.notBefore().isAfter(now)
                    ? new Rest(earlier(wake, Optional.of(waiting.notBefore())))
                    : new Start(spec);
        }
        return new Rest(wake);
    }

    private static Optional<Instant> earlier(Optional<Instant> a, Optional<Instant> b) {
        return List.of(a, b).stream().flatMap(Optional::stream).min(Instant::compareTo);
    }

    private static String policy(Pod pod) {
        String policy = pod.getSpec().getRestartPolicy();
        return policy == null ? "Always" : policy;
    }
}
