package io.swav.benchmark;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import io.swav.model.StepPhase;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Measures the CPU time of training steps: of the training thread by phase, of the decoding threads, and of the whole
 * process. The first steps, which compile and allocate, are left out.
 */
final class StepCpuProfiler {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final int warmUp;
    private final int steps;
    private final Map<StepPhase, Long> spent = new EnumMap<>(StepPhase.class);
    private StepPhase now = StepPhase.IDLE;
    private long since;
    private int ended;
    private long decoded;
    private long process;
    private long sinceWall;
    private long waited;
    private long longestWait;

    StepCpuProfiler(int warmUp, int steps) {
        this.warmUp = warmUp;
        this.steps = steps;
    }

    /** Switches to a phase; called on the training thread. */
    void enter(StepPhase phase) {
        long at = THREADS.getCurrentThreadCpuTime();
        if (ended >= warmUp && ended < warmUp + steps) {
            spent.merge(now, at - since, Long::sum);
            if (now == StepPhase.DECODE) { // what the thread does not compute in it, it waits for the decoding threads
                long wait = Math.max(0, System.nanoTime() - sinceWall - (at - since));
                waited += wait;
                longestWait = Math.max(longestWait, wait);
            }
        }
        now = phase;
        if (phase == StepPhase.IDLE) {
            ended++;
            if (ended == warmUp) {
                decoded = -decodeNanos();
                process = -SYSTEM.getProcessCpuTime();
            } else if (ended == warmUp + steps) {
                decoded += decodeNanos();
                process += SYSTEM.getProcessCpuTime();
            }
        }
        since = THREADS.getCurrentThreadCpuTime();
        sinceWall = System.nanoTime();
    }

    /** Returns the seconds of the clock that a step waits for its data: {@code mean} and {@code longest}. */
    Map<String, Double> waiting() {
        return Map.of("mean", perStep(waited), "longest", longestWait / 1e9);
    }

    /** Returns seconds per step, in the order of the phases, and {@code total} for the process. */
    Map<String, Double> perStep() {
        Map<String, Double> seconds = new LinkedHashMap<>();
        for (StepPhase phase : StepPhase.values()) {
            if (phase != StepPhase.IDLE) {
                long nanos = spent.getOrDefault(phase, 0L) + (phase == StepPhase.DECODE ? decoded : 0);
                seconds.put(phase.name().toLowerCase(Locale.ROOT), perStep(nanos));
            }
        }
        seconds.put("total", perStep(process));
        return seconds;
    }

    private double perStep(long nanos) {
        return nanos / 1e9 / steps;
    }

    private static long decodeNanos() {
        long nanos = 0;
        for (ThreadInfo thread : THREADS.getThreadInfo(THREADS.getAllThreadIds())) {
            if (thread != null && thread.getThreadName().startsWith("crops-")) {
                nanos += THREADS.getThreadCpuTime(thread.getThreadId());
            }
        }
        return nanos;
    }
}
