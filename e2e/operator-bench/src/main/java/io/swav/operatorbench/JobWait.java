package io.swav.operatorbench;

import io.swav.local.ProcessUtils;
import io.swav.local.StatusLine;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;

/** Waits for jobs, and shows how many of them are there. */
record JobWait(StatusLine progress, MeasuredOperator operator) {
    private static final Duration POLL = Duration.ofMillis(50);
    private static final int NAMED = 5;

    /**
     * Waits until all jobs fulfil the condition.
     *
     * @param what the jobs are waited for, for people
     * @return false if the limit has passed before
     * @throws io.swav.local.LocalClusterException if the operator has ended
     */
    boolean until(Duration limit, String what, Collection<BenchJob> jobs, Predicate<BenchJob> condition) {
        Instant deadline = Instant.now().plus(limit);
        while (Instant.now().isBefore(deadline)) {
            long done = jobs.stream().filter(condition).count();
            if (done == jobs.size()) {
                return true;
            }
            progress.show(what + ": " + done + " of " + jobs.size() + " jobs");
            operator.pid();
            ProcessUtils.pause(POLL);
        }
        return false;
    }

    /** Names the first of those jobs that fulfil the condition, and counts them. */
    static String some(Collection<BenchJob> jobs, Predicate<BenchJob> which) {
        List<BenchJob> all = jobs.stream().filter(which).toList();
        return all.size() + " jobs: " + all.stream().limit(NAMED).toList() + (all.size() > NAMED ? " and others" : "");
    }
}
