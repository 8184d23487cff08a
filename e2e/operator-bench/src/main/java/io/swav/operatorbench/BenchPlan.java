package io.swav.operatorbench;

import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a bench does.
 *
 * @param jobs by kind
 * @param pods of a job that has pods
 * @param idle how long it watches while nothing happens
 * @param probes jobs created to measure the time to their pods
 * @param signals pods deleted to measure the time to the next world
 * @param faultPercent of the operator's requests that fail while probes and signals are measured
 * @param kills of the operator, while running jobs are in motion
 * @param seed of what is chosen at random
 */
record BenchPlan(
        Map<JobKind, Integer> jobs,
        int pods,
        int nodes,
        Duration idle,
        Duration reportEvery,
        int probes,
        int signals,
        int faultPercent,
        int kills,
        long seed) {

    private static final List<JobKind> KINDS =
            List.of(JobKind.SUSPENDED, JobKind.PENDING, JobKind.RUNNING, JobKind.ENDED);

    /**
     * Divides the jobs among the kinds by their shares; what does not divide goes to the first kinds.
     *
     * @throws IllegalArgumentException if a share is negative, all are 0, or one is of a kind that is no population
     */
    static Map<JobKind, Integer> divide(int jobs, Map<JobKind, Integer> shares) {
        long sum = shares.values().stream().mapToLong(Integer::longValue).sum();
        if (sum <= 0 || shares.values().stream().anyMatch(share -> share < 0) || !KINDS.containsAll(shares.keySet())) {
            throw new IllegalArgumentException(
                    "--mix " + shares + " needs shares of " + KINDS + " that are not negative, and one above 0");
        }
        Map<JobKind, Integer> counts = new EnumMap<>(JobKind.class);
        shares.forEach((kind, share) -> counts.put(kind, (int) ((long) jobs * share / sum)));
        int rest = jobs - counts.values().stream().mapToInt(Integer::intValue).sum();
        for (JobKind kind : KINDS) {
            if (rest > 0 && shares.getOrDefault(kind, 0) > 0) {
                counts.merge(kind, 1, Integer::sum);
                rest--;
            }
        }
        return counts;
    }

    int count() {
        return jobs.values().stream().mapToInt(Integer::intValue).sum();
    }

    boolean hasChaos() {
        return faultPercent > 0;
    }
}
