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
    private record LastReport(List<String> times, long at) {

        LastReport with(String time, long now) {
            List<String> all = new ArrayList<>(times);
            boolean known = all.remove(time);
            all.add(time);
            return new LastReport(
                    List.copyOf(all.subList(Math.max(0, all.size() - TIMES_KEPT), all.size())), known ? at : now);
        }
    }

    /** By uid of the job, then of the pod. */
    private final Map<String, Map<String, LastReport>> jobs = new ConcurrentHashMap<>();

    private final LongSupplier nanos;
    private boolean unreachable;
    private long reachableSince;

    /** @param nanos of a clock that is not set, as {@link System#nanoTime} */
    ReportSilenceTracker(LongSupplier nanos) {
        this.nanos = nanos;
        this.reachableSince = nanos.getAsLong() - LONG_AGO;
    }

    /**
     * @param reports those of others are not listened to
     * @param pods uids of the job's present pods; one that was among them stays known
     * @param putOut uids of pods that did not answer
     * @return silence by uid of the pod
     */
    Map<String, Duration> update(String job, Iterable<TrainerReport> reports, Set<String> pods, Set<String> putOut) {
        long now = nanos.getAsLong();
        Map<String, LastReport> before = jobs.getOrDefault(job, Map.of());
        Map<String, LastReport> after = new HashMap<>();
        Map<String, Duration> silence = new HashMap<>();
        for (TrainerReport report : reports) {
            if (!pods.contains(report.uid()) && !before.containsKey(report.uid())) {
                continue;
            }
            boolean isOut = putOut.contains(report.uid());
            LastReport last = before.get(report.uid());
            LastReport latest = last == null
                    ? new LastReport(List.of(report.time()), isOut ? now - LONG_AGO : now)
                    : last.with(report.time(), now);
            after.put(report.uid(), latest);
            silence.put(report.uid(), Duration.ofNanos(now - (isOut ? latest.at() : notBeforeOutage(latest.at()))));
        }
        jobs.put(job, after);
        return silence;
    }

    private synchronized long notBeforeOutage(long at) {
        return at - reachableSince < 0 ? reachableSince : at;
    }

    /** The API server did not answer. */
    synchronized void apiServerLost() {
        unreachable = true;
    }

    /** The API server has answered; after an absence everybody gets time to be heard again. */
    synchronized void apiServerBack() {
        if (unreachable) {
            unreachable = false;
            reachableSince = nanos.getAsLong();
        }
    }

    void forget(String job) {
        jobs.remove(job);
    }
}
