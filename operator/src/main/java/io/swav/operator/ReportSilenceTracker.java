package io.swav.operator;

import io.swav.api.TrainerReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * When the operator heard of each trainer: when it saw a new report, whatever the trainer's clock says, by a clock that
 * nobody sets. While the API server was away nobody could be heard, so that time does not count as anybody's silence. One
 * that was put out because it was silent stays silent until it is heard anew, also for an operator that has just started.
 */
final class ReportSilenceTracker {
    /** A cache may lag behind the API server, and both are read: what was read once is no news. */
    private static final int TIMES_KEPT = 8;

    private static final long LONG_AGO = Duration.ofDays(1).toNanos();

    /** @param times of reports, the last that was read at the end */
    private record Heard(List<String> times, long at) {

        Heard and(String time, long now) {
            List<String> all = new ArrayList<>(times);
            boolean known = all.remove(time);
            all.add(time);
            return new Heard(
                    List.copyOf(all.subList(Math.max(0, all.size() - TIMES_KEPT), all.size())), known ? at : now);
        }
    }

    /** By uid of the job, then of the pod. */
    private final Map<String, Map<String, Heard>> jobs = new ConcurrentHashMap<>();

    private final LongSupplier nanos;
    private boolean deaf;
    private long since;

    /** @param nanos of a clock that is not set, as {@link System#nanoTime} */
    ReportSilenceTracker(LongSupplier nanos) {
        this.nanos = nanos;
        this.since = nanos.getAsLong() - LONG_AGO;
    }

    /**
     * @param reports those of others are not listened to
     * @param pods uids of the job's present pods; one that was among them stays known
     * @param putOut uids of pods that did not answer
     * @return silence by uid of the pod
     */
    Map<String, Duration> listen(String job, Iterable<TrainerReport> reports, Set<String> pods, Set<String> putOut) {
        long now = nanos.getAsLong();
        Map<String, Heard> before = jobs.getOrDefault(job, Map.of());
        Map<String, Heard> heard = new HashMap<>();
        Map<String, Duration> silence = new HashMap<>();
        for (TrainerReport report : reports) {
            if (!pods.contains(report.uid()) && !before.containsKey(report.uid())) {
                continue;
            }
            boolean out = putOut.contains(report.uid());
            Heard last = before.get(report.uid());
            Heard latest = last == null
                    ? new Heard(List.of(report.time()), out ? now - LONG_AGO : now)
                    : last.and(report.time(), now);
            heard.put(report.uid(), latest);
            silence.put(report.uid(), Duration.ofNanos(now - (out ? latest.at() : later(latest.at()))));
        }
        jobs.put(job, heard);
        return silence;
    }

    private synchronized long later(long at) {
        return at - since < 0 ? since : at;
    }

    /** The API server did not answer. */
    synchronized void silenced() {
        deaf = true;
    }

    /** The API server has answered; after an absence everybody gets time to be heard again. */
    synchronized void answered() {
        if (deaf) {
            deaf = false;
            since = nanos.getAsLong();
        }
    }

    void forget(String job) {
        jobs.remove(job);
    }
}
