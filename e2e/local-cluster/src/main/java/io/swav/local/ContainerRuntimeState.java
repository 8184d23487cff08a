package io.swav.local;

import java.time.Instant;
import java.util.Optional;

/**
 * The state of one container of a pod.
 *
 * @param runs number of times it was started
 * @param last how the previous run ended
 * @param started whether its startup probe has passed (or does not exist)
 * @param ready whether its readiness probe passes (or does not exist)
 */
record ContainerRuntimeState(
        String name, State state, int runs, Optional<Exited> last, boolean started, boolean ready) {
    sealed interface State permits Waiting, Running, Exited {}

    /** Not started yet, or waiting for a restart that is due at {@code notBefore}. */
    record Waiting(String reason, String message, Instant notBefore) implements State {}

    record Running(long pid, Instant since) implements State {}

    /** @param message the termination message, possibly empty */
    record Exited(int code, String reason, String message, long pid, Instant since, Instant at) implements State {}

    static ContainerRuntimeState fresh(String name) {
        return new ContainerRuntimeState(
                name, new Waiting("ContainerCreating", "", Instant.EPOCH), 0, Optional.empty(), false, false);
    }

    boolean running() {
        return state instanceof Running;
    }

    Optional<Exited> exited() {
        return state instanceof Exited e ? Optional.of(e) : Optional.empty();
    }

    boolean succeeded() {
        return exited().filter(e -> e.code() == 0).isPresent();
    }

    ContainerRuntimeState withState(State next) {
        return new ContainerRuntimeState(name, next, runs, last, started, ready);
    }

    ContainerRuntimeState withProbes(boolean isStarted, boolean isReady) {
        return new ContainerRuntimeState(name, state, runs, last, isStarted, isReady);
    }

    /** Postpones the next attempt to {@code then}; the reason for waiting stays the same. */
    ContainerRuntimeState waitUntil(Instant then) {
        return state instanceof Waiting w ? withState(new Waiting(w.reason(), w.message(), then)) : this;
    }

    ContainerRuntimeState waitAgain(Waiting waiting, Exited ended) {
        return new ContainerRuntimeState(name, waiting, runs, Optional.of(ended), false, false);
    }

    /** The state after another start. */
    ContainerRuntimeState run(Running now) {
        return new ContainerRuntimeState(name, now, runs + 1, last, false, false);
    }
}
