package io.swav.operatorbench;

import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Reads the processor time and the memory of processes of this machine from {@code /proc}. */
final class ProcessUsage {
    /** USER_HZ of Linux on every architecture that Java runs on; proc(5) counts in it. */
    private static final double TICKS_PER_SECOND = 100;

    private static final long KIB = 1024;
    /** Position of utime after the command's closing parenthesis, proc_pid_stat(5). */
    private static final int UTIME = 11;

    private ProcessUsage() {}

    /** Returns the seconds of processor time, user and system, that the process has taken since it started. */
    static double cpuSeconds(long pid) {
        return cpuSeconds(read(pid, "stat"));
    }

    /** @param stat content of {@code /proc/PID/stat}; the command in it may contain spaces and parentheses */
    static double cpuSeconds(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 1).strip().split(" ", -1);
        return (Long.parseLong(fields[UTIME]) + Long.parseLong(fields[UTIME + 1])) / TICKS_PER_SECOND;
    }

    static long residentBytes(long pid) {
        return KIB * status(pid, "VmRSS");
    }

    static long peakResidentBytes(long pid) {
        return KIB * status(pid, "VmHWM");
    }

    static long threads(long pid) {
        return status(pid, "Threads");
    }

    private static long status(long pid, String field) {
        return read(pid, "status")
                .lines()
                .filter(line -> line.startsWith(field + ":"))
                .map(line -> List.of(line.split("\\s+", -1)).get(1))
                .mapToLong(Long::parseLong)
                .findFirst()
                .orElseThrow(() -> new LocalClusterException("process " + pid + " has ended"));
    }

    private static String read(long pid, String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), file));
        } catch (IOException e) {
            throw new LocalClusterException("process " + pid + " has ended: " + e.getMessage(), e);
        }
    }
}
