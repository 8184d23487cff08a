package io.swav.chaos;

import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/** Orders to damage bytes between trainers, once: several proxies hold it, and the first that passes bytes carries it out. */
final class LineDamage {
    /**
     * The damage that was done.
     *
     * @param pod the trainer at whose port the connection is
     * @param at epoch microseconds, just before the damaged bytes left
     */
    record Done(String pod, long at) {}

    private final LineFault fault;
    private final Random random;
    private final Duration delay;
    private final AtomicBoolean taken = new AtomicBoolean();
    private final CompletableFuture<Done> done = new CompletableFuture<>();

    /** @param delay how long bytes wait; applies to {@link LineFault#DELAY} only */
    LineDamage(LineFault fault, Random random, Duration delay) {
        this.fault = fault;
        this.random = random;
        this.delay = delay;
    }

    LineFault fault() {
        return fault;
    }

    Duration delay() {
        return delay;
    }

    /** Whether the caller has to carry it out; true once. */
    boolean take() {
        return taken.compareAndSet(false, true);
    }

    /** The bytes to send in place of these, by a proxy that has taken the order. */
    byte[] apply(String pod, byte[] bytes) {
        done.complete(new Done(pod, FaultLog.now()));
        return fault.damage(bytes, random);
    }

    /** What was done; empty while no bytes have passed. */
    Optional<Done> done() {
        return Optional.ofNullable(done.getNow(null));
    }
}
