package io.swav.operator;

import io.swav.api.PodReport;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * When the operator heard of each trainer: when it saw a new report, by its own clock, whatever the trainer's clock says.
 * While the API server was away nobody could be heard, so that time does not count as anybody's silence. One that was put
 * out because it was silent stays silent until it is heard anew, also for an operator that has just started.
 */
final class Hearing {
    /** A cache may lag behind the API server, and both are read: what was read once is no news. */
    private static final int TIMES_KEPT = 8;

    /** @param times of reports, the last that was read at the end */
    private record Heard(List<String> times, Instant at) {

        Heard and(String time, Instant now) {
            List<String> all = new ArrayList<>(times);
            boolean known = all.remove(time);
            all.add(time);
            return new Heard(
                    List.copyOf(all.subList(Math.max(0, all.size() - TIMES_KEPT), all.size())), known ? at : now);
        }
    }

    /** By uid of the job, then of the pod. */
    private final Map<String, Map<String, Heard>> jobs = new ConcurrentHashMap<>();

    private boolean deaf;
    private Instant since = Instant.MIN;

    /**
     * @param reports those of others are not listened to
     * @param pods uids of the job's present pods; one that was among them stays known
     * @param putOut uids of pods that did not answer
     * @return silence by uid of the pod
     */
    Map<String, Duration> listen(
            String job, Iterable<PodReport> reports, Set<String> pods, Set<String> putOut, Instant now) {
        Map<String, Heard> before = jobs.getOrDefault(job, Map.of());
        Map<String, Heard> heard = new HashMap<>();
        Map<String, Duration> silence = new HashMap<>();
        for (PodReport report : reports) {
            if (!pods.contains(report.uid()) && !before.containsKey(report.uid())) {
                continue;
            }
            boolean out = putOut.contains(report.uid());
            Heard last = before.get(report.uid());
            Heard latest = last == null
                    ? new Heard(List.of(report.time()), out ? Instant.EPOCH : now)
                    : last.and(report.time(), now);
            heard.put(report.uid(), latest);
            silence.put(report.uid(), Duration.between(out ? latest.at() : later(latest.at()), now));
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
