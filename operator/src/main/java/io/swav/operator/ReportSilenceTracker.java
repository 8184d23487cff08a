package io.swav.operator;

import io.swav.api.TrainerReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * Tracks how long ago each trainer's last sign of life arrived, whatever the trainer's clock says, by a monotonic clock: a
 * new report of its own, or one of another member of its generation that has heard all members of it.
 * No report can arrive during an outage of the API server, so that time does not count as silence. A trainer that left
 * the world because it was silent stays silent until a new report arrives, also for an operator that has just started.
 */
final class ReportSilenceTracker {
    /**
     * Number of report times kept: a cache may lag behind the API server, and both are read, so a report that was read
     * before is not new.
     */
    private static final int TIMES_KEPT = 8;

    private static final long LONG_AGO = Duration.ofDays(1).toNanos();

    /**
     * The arrival of a trainer's last report.
     * @param times of its reports, the one that was read last at the end
     * @param heardAt when the last report of another member arrived that had heard it; not later than {@code at} if none has
     *     since
     */
    private record LastReport(List<String> times, long at, long heardAt) {

        LastReport with(String time, long now) {
            List<String> all = new ArrayList<>(times);
            boolean known = all.remove(time);
            all.add(time);
            return new LastReport(
                    List.copyOf(all.subList(Math.max(0, all.size() - TIMES_KEPT), all.size())),
                    known ? at : now,
                    heardAt);
        }

        LastReport heard(long now) {
            return new LastReport(times, at, now);
        }

        /** Returns when it last gave a sign of life. */
        long signAt() {
            return heardAt - at > 0 ? heardAt : at;
        }
    }

    /** Last reports by uid of the job, then of the pod. */
    private final Map<String, Map<String, LastReport>> jobs = new ConcurrentHashMap<>();

    /** Jobs whose trainers cannot report, by uid. */
    private final Set<String> blocked = ConcurrentHashMap.newKeySet();
    /** When the trainers of a job were able to report again, by its uid. */
    private final Map<String, Long> possibleSince = new ConcurrentHashMap<>();

    private final LongSupplier nanos;
    private boolean unreachable;
    private long reachableSince;

    /**
     * Creates a tracker.
     * @param nanos of a monotonic clock, as {@link System#nanoTime}
     */
    ReportSilenceTracker(LongSupplier nanos) {
        this.nanos = nanos;
        this.reachableSince = nanos.getAsLong() - LONG_AGO;
    }

    /**
     * Takes new reports into account.
     * @param reports those of other pods are ignored
     * @param pods uids of the job's present pods; a pod that was among them stays known
     * @param putOut uids of pods that left the world because they did not respond
     * @return silence by uid of the pod
     */
    Map<String, Duration> update(String job, Iterable<TrainerReport> reports, Set<String> pods, Set<String> putOut) {
        long now = nanos.getAsLong();
        Map<String, LastReport> before = jobs.getOrDefault(job, Map.of());
        Map<String, LastReport> after = new HashMap<>();
        Map<String, Long> generations = new HashMap<>();
        Set<Long> heard = new HashSet<>();
        for (TrainerReport report : reports) {
            if (!pods.contains(report.uid()) && !before.containsKey(report.uid())) {
                continue;
            }
            boolean isOut = putOut.contains(report.uid());
            LastReport last = before.get(report.uid());
            long first = isOut ? now - LONG_AGO : now;
            LastReport latest =
                    last == null ? new LastReport(List.of(report.time()), first, first) : last.with(report.time(), now);
            after.put(report.uid(), latest);
            if (isOut) {
                continue;
            }
            generations.put(report.uid(), report.generation());
            if (report.heardAll() && latest.at() == now) {
                heard.add(report.generation());
            }
        }
        generations.forEach((uid, generation) -> {
            if (generation > 0 && heard.contains(generation)) {
                after.computeIfPresent(uid, (same, last) -> last.heard(now));
            }
        });
        jobs.put(job, after);
        return silence(job, after, generations.keySet(), now);
    }

    /** @param counted uids of the pods that have not left the world because they did not respond */
    private Map<String, Duration> silence(String job, Map<String, LastReport> reports, Set<String> counted, long now) {
        Map<String, Duration> silence = new HashMap<>();
        reports.forEach((uid, last) -> {
            long sign = counted.contains(uid) ? notBeforeOutage(job, last.signAt()) : last.at();
            silence.put(uid, Duration.ofNanos(now - sign));
        });
        return silence;
    }

    private synchronized long notBeforeOutage(String job, long at) {
        long possible = possibleSince.getOrDefault(job, at);
        long latest = at - possible < 0 ? possible : at;
        return latest - reachableSince < 0 ? reachableSince : latest;
    }

    /** Records that the trainers of a job cannot report. */
    void reportsBlocked(String job) {
        blocked.add(job);
    }

    /**
     * Records that the trainers of a job can report; after they could not, each gets time to do so.
     *
     * @return whether they could not before
     */
    boolean reportsPossible(String job) {
        boolean again = blocked.remove(job);
        if (again) {
            possibleSince.put(job, nanos.getAsLong());
        }
        return again;
    }

    /** Records that the API server did not respond. */
    synchronized void apiServerLost() {
        unreachable = true;
    }

    /** Records that the API server has responded; after an outage every trainer gets time to report again. */
    synchronized void apiServerBack() {
        if (unreachable) {
            unreachable = false;
            reachableSince = nanos.getAsLong();
        }
    }

    void forget(String job) {
        jobs.remove(job);
        blocked.remove(job);
        possibleSince.remove(job);
    }
}
