package io.swav.operatorbench;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the bench measured.
 *
 * @param start from the start of the operator without jobs until it was healthy
 * @param settle while the jobs were created, until all were what they were to be
 * @param idle while nothing happened but heartbeats of nodes and reports of trainers
 * @param restart of the operator, while nothing else happened, until it was healthy and had looked at every job
 * @param podSeconds from the request to create a job until the watch had seen all its pods
 * @param deletedToWorld from the request to delete a pod of a running job until the watch had seen a world without it
 * @param taintedToWorld the same for all pods of a node that is tainted
 * @param faults injected between operator and API server, by kind; empty without {@code --chaos}
 * @param kills of the operator; null without {@code --kills}
 * @param problems what was not as it should be in the end; empty if all was
 */
record BenchReport(
        Setting setting,
        Phase start,
        Phase settle,
        Phase idle,
        Phase restart,
        Latency podSeconds,
        Latency deletedToWorld,
        Latency taintedToWorld,
        Metrics metrics,
        Memory memory,
        Locks locks,
        Map<String, Long> faults,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Kills kills,
        List<String> problems) {

    /**
     * What was measured, and on what.
     *
     * @param jobs by kind, without those that were created to measure the time to their pods
     * @param pods of a job that has pods
     * @param reportSeconds after which a trainer looks again whether a report is due
     * @param loadBefore of the machine over the last minute, before the bench
     * @param server version of the API server
     */
    record Setting(
            Map<JobKind, Integer> jobs,
            int pods,
            int nodes,
            double reportSeconds,
            long seed,
            int cores,
            double loadBefore,
            double loadAfter,
            String server,
            String etcd) {}

    /**
     * One phase.
     *
     * @param seconds how long it took
     * @param cpuSeconds of processor time, by process; {@code bench} includes nodes, trainers and watch
     * @param requests of the operator, by verb and resource
     * @param writes those of them that change something, without the renewal of the lease
     * @param reconciliations that the operator counts; null if the operator restarted within
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Phase(
            double seconds,
            Map<String, Double> cpuSeconds,
            Map<String, Long> requests,
            long writes,
            @Nullable Long reconciliations) {

        double operatorCpu() {
            return cpuSeconds.getOrDefault(BenchProcesses.OPERATOR, 0.0);
        }

        double cpu() {
            return cpuSeconds.values().stream().mapToDouble(Double::doubleValue).sum();
        }
    }

    /**
     * The response of {@code /metrics}.
     *
     * @param seconds of five scrapes
     */
    record Metrics(long bytes, long bytesPerJob, Latency seconds) {}

    /**
     * Memory of the operator.
     *
     * @param residentBytes before the heap was collected
     * @param liveHeapBytes after it was
     * @param limitBytes of the chart's container
     */
    record Memory(long residentBytes, long peakResidentBytes, long liveHeapBytes, long limitBytes) {}

    /**
     * What became of jobs whose operator was killed.
     *
     * @param count of kills
     * @param podsTooMany of a job, at most
     * @param longestSeconds for which a job had too many
     */
    record Kills(int count, int podsTooMany, double longestSeconds) {}

    /**
     * Waits for locks in the operator, while it settled and idled, sampled.
     *
     * @param threads that lived in the end
     * @param blockedSeconds that all threads have waited for monitors
     * @param mostBlocked threads that waited for monitors of a class at the same time
     */
    record Locks(long threads, double blockedSeconds, Map<String, Long> mostBlocked) {}
}
