package io.swav.operatorbench;

import io.swav.operatorbench.BenchReport.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The report of a bench for people. */
final class BenchTable {
    private static final double MEBI = 1 << 20;

    private BenchTable() {}

    static List<String> lines(BenchReport report) {
        List<String> lines = new ArrayList<>();
        BenchReport.Setting setting = report.setting();
        int jobs = setting.jobs().values().stream().mapToInt(Integer::intValue).sum();
        lines.add(format(
                "%d jobs (%s), %d pods each, %d nodes, reports every %.1f s, Kubernetes %s, etcd on %s",
                jobs,
                setting.jobs().entrySet().stream()
                        .map(entry ->
                                entry.getValue() + " " + entry.getKey().name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", ")),
                setting.pods(),
                setting.nodes(),
                setting.reportSeconds(),
                setting.server(),
                setting.etcd()));
        lines.add(format(
                "%d cores, load %.1f before and %.1f after; seed %d",
                setting.cores(), setting.loadBefore(), setting.loadAfter(), setting.seed()));
        lines.add("");
        lines.add(format(
                "%-10s %9s %12s %12s %9s %9s %10s",
                "phase", "seconds", "CPU operator", "CPU of all", "requests", "writes", "reconciled"));
        row(lines, "start", report.start());
        row(lines, "settle", report.settle());
        row(lines, "idle", report.idle());
        row(lines, "restart", report.restart());
        lines.add("");
        lines.add(format("%-28s %6s %8s %8s %8s", "seconds", "count", "p50", "p99", "max"));
        row(lines, "new job to its pods", report.podSeconds());
        row(lines, "deleted pod to next world", report.deletedToWorld());
        row(lines, "tainted node to next worlds", report.taintedToWorld());
        row(lines, "scrape of /metrics", report.metrics().seconds());
        lines.add("");
        BenchReport.Memory memory = report.memory();
        lines.add(format(
                "memory of the operator: %.0f MiB resident, %.0f at most, %.1f MiB of live heap; limit %.0f MiB",
                memory.residentBytes() / MEBI,
                memory.peakResidentBytes() / MEBI,
                memory.liveHeapBytes() / MEBI,
                memory.limitBytes() / MEBI));
        lines.add(format(
                "/metrics: %.2f MB, %d bytes for each job",
                report.metrics().bytes() / 1e6, report.metrics().bytesPerJob()));
        lines.add(format(
                "threads: %d, which waited %.2f s for locks; at most at the same time: %s",
                report.locks().threads(),
                report.locks().blockedSeconds(),
                report.locks().mostBlocked().isEmpty() ? "none" : report.locks().mostBlocked()));
        requests(lines, "settle", report.settle().requests());
        requests(lines, "idle", report.idle().requests());
        requests(lines, "restart", report.restart().requests());
        if (!report.faults().isEmpty()) {
            lines.add("faults injected: " + report.faults());
        }
        BenchReport.Kills kills = report.kills();
        if (kills != null) {
            lines.add(format(
                    "operator killed %d times: at most %d pods of a job too many, for %.2f s at most",
                    kills.count(), kills.podsTooMany(), kills.longestSeconds()));
        }
        report.problems().forEach(problem -> lines.add("PROBLEM " + problem));
        return lines;
    }

    private static void row(List<String> lines, String name, Phase phase) {
        lines.add(format(
                "%-10s %9.1f %12.2f %12.2f %9d %9d %10s",
                name,
                phase.seconds(),
                phase.operatorCpu(),
                phase.cpu(),
                phase.requests().values().stream().mapToLong(Long::longValue).sum(),
                phase.writes(),
                phase.reconciliations() == null ? "–" : phase.reconciliations()));
    }

    private static void row(List<String> lines, String name, Latency latency) {
        lines.add(format(
                "%-28s %6d %8.3f %8.3f %8.3f", name, latency.count(), latency.p50(), latency.p99(), latency.max()));
    }

    private static void requests(List<String> lines, String phase, Map<String, Long> requests) {
        lines.add("");
        lines.add("requests, " + phase + ":");
        requests.forEach((request, count) -> lines.add(format("%9d %s", count, request)));
    }

    private static String format(String text, Object... values) {
        return String.format(Locale.ROOT, text, values);
    }
}
