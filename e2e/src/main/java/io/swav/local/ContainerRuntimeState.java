package io.swav.local;

import java.time.Instant;
import java.util.Optional;

/**
 * What is known of one container of a pod.
 *
 * @param runs how many times it was started
 * @param last how its run before this one ended
 * @param started its startup probe has passed (or there is none)
 * @param ready its readiness probe passes (or there is none)
 */
record ContainerRuntimeState(
        String name, State state, int runs, Optional<Exited> last, boolean started, boolean ready) {
    sealed interface State permits Waiting, Running, Exited {}

    /** Not started yet, or waiting to be started again at {@code notBefore}. */
    record Waiting(String reason, String message, Instant notBefore) implements State {}

    record Running(long pid, Instant since) implements State {}

    /** @param message what the container left as its last words, possibly empty */
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

    /** What it waits for stays the same; it is looked at again then. */
    ContainerRuntimeState waitUntil(Instant then) {
        return state instanceof Waiting w ? withState(new Waiting(w.reason(), w.message(), then)) : this;
    }

    ContainerRuntimeState waitAgain(Waiting waiting, Exited ended) {
        return new ContainerRuntimeState(name, waiting, runs, Optional.of(ended), false, false);
    }

    /** Started once more. */
    ContainerRuntimeState run(Running now) {
        return new ContainerRuntimeState(name, now, runs + 1, last, false, false);
    }
}
