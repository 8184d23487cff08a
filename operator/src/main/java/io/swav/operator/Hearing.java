package io.swav.operator;

import io.swav.api.PodReport;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * When the operator heard of each trainer: when it saw a new report, by its own clock, whatever the trainer's clock says.
 * While the API server was away nobody could be heard, so that time does not count as anybody's silence.
 */
final class Hearing {

    private record Heard(String time, Instant at) {}

    /** By uid of the job, then of the pod. */
    private final Map<String, Map<String, Heard>> jobs = new ConcurrentHashMap<>();

    private boolean deaf;
    private Instant since = Instant.MIN;

    /**
     * @param reports of the job's pods
     * @return silence by uid of the pod
     */
    Map<String, Duration> listen(String job, Iterable<PodReport> reports, Instant now) {
        Map<String, Heard> before = jobs.getOrDefault(job, Map.of());
        Map<String, Heard> heard = new HashMap<>();
        Map<String, Duration> silence = new HashMap<>();
        for (PodReport report : reports) {
            Heard last = before.get(report.uid());
            Heard latest = last != null && last.time().equals(report.time()) ? last : new Heard(report.time(), now);
            heard.put(report.uid(), latest);
            silence.put(report.uid(), Duration.between(later(latest.at()), now));
        }
        jobs.put(job, heard);
        return silence;
    }

    private synchronized Instant later(Instant at) {
        return at.isBefore(since) ? since : at;
    }

    /** The API server did not answer. */
    synchronized void silenced() {
        deaf = true;
    }

    /** The API server has answered; after an absence everybody gets time to be heard again. */
    synchronized void answered(Instant now) {
        if (deaf) {
            deaf = false;
            since = now;
        }
    }

    void forget(String job) {
        jobs.remove(job);
    }
}
