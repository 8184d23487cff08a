package io.swav.planner;

import io.swav.api.SwavJobSpec;
import java.time.Duration;
import java.util.Optional;

/**
 * The limits that the spec sets for the planner.
 *
 * @param target trainers wanted in the world, at least {@code min}
 * @param min fewest trainers that form a world
 * @param spares Ready pods kept beyond the world
 * @param growAfter how long a world stays before it grows while more pods are expected
 * @param hungAfter how long a trainer may keep its peers waiting
 * @param maxFailures failures after which a pod is still replaced; one more ends the job
 * @param failureWindow how long a failure counts
 * @param suspended whether no pod may run
 * @param ttl how long pods stay after the end; empty keeps them
 * @param avoidance when pods are kept off a node
 * @param settings that running trainers follow
 * @param activeDeadline how long the job may run; empty for any time
 * @param withheld why no pod may run although the job is not suspended: a queue has not admitted it; empty if pods may
 *     run
 */
public record JobPolicy(
        int target,
        int min,
        int spares,
        Duration growAfter,
        Duration hungAfter,
        int maxFailures,
        Duration failureWindow,
        boolean suspended,
        Optional<Duration> ttl,
        NodeAvoidance avoidance,
        WantedSettings settings,
        Optional<Duration> activeDeadline,
        Optional<String> withheld) {

    /** Creates a policy with the default avoidance of nodes and the default settings, without a deadline or a queue. */
    public JobPolicy(
            int target,
            int min,
            int spares,
            Duration growAfter,
            Duration hungAfter,
            int maxFailures,
            Duration failureWindow,
            boolean suspended,
            Optional<Duration> ttl) {
        this(
                target,
                min,
                spares,
                growAfter,
                hungAfter,
                maxFailures,
                failureWindow,
                suspended,
                ttl,
                NodeAvoidance.DEFAULT,
                WantedSettings.DEFAULT,
                Optional.empty(),
                Optional.empty());
    }

    public JobPolicy {
        if (min < 1 || target < min || spares < 0 || maxFailures < 0) {
            throw new IllegalArgumentException("job policy: target " + target + ", min " + min + ", spares " + spares
                    + ", failures " + maxFailures);
        }
    }

    public static JobPolicy of(SwavJobSpec spec) {
        return new JobPolicy(
                Math.min(spec.replicas(), spec.maxReplicas()),
                spec.elastic().minReplicas(),
                spec.elastic().spares(),
                Duration.ofSeconds(spec.elastic().growAfterSeconds()),
                Duration.ofSeconds(spec.recovery().hungAfterSeconds()),
                spec.recovery().maxFailures(),
                Duration.ofSeconds(spec.recovery().failureWindowSeconds()),
                spec.suspend(),
                Optional.ofNullable(spec.ttlSecondsAfterFinished()).map(Duration::ofSeconds),
                new NodeAvoidance(
                        spec.recovery().avoidNodeAfterFailures(),
                        Duration.ofSeconds(spec.recovery().avoidNodeSeconds())),
                WantedSettings.of(spec),
                Optional.ofNullable(spec.activeDeadlineSeconds()).map(Duration::ofSeconds),
                Optional.empty());
    }

    /** Whether pods may run. */
    boolean mayRun() {
        return !suspended && withheld.isEmpty();
    }

    /** Returns the number of pods that the spec wants, spares included. */
    public int pods() {
        return target + spares;
    }

    /** Returns the same limits for a job whose pods may not run. */
    public JobPolicy withheld(String why) {
        return with(target, min, spares, suspended, Optional.of(why));
    }

    /**
     * Returns limits that need no more pods. Spares are given up before trainers; a job with fewer pods than {@code min}
     * trains with those that it may have.
     *
     * @param most pods, at least 1
     */
    public JobPolicy within(int most) {
        int trainers = Math.min(target, most);
        return with(trainers, Math.min(min, trainers), Math.min(spares, most - trainers), suspended, withheld);
    }

    /** Returns the same limits for a job whose pods are all to leave. */
    public JobPolicy asSuspended() {
        return with(target, min, spares, true, withheld);
    }

    private JobPolicy with(
            int newTarget, int newMin, int newSpares, boolean newSuspended, Optional<String> newWithheld) {
        return new JobPolicy(
                newTarget,
                newMin,
                newSpares,
                growAfter,
                hungAfter,
                maxFailures,
                failureWindow,
                newSuspended,
                ttl,
                avoidance,
                settings,
                activeDeadline,
                newWithheld);
    }
}
