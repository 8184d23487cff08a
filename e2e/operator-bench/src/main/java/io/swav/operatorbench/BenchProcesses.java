package io.swav.operatorbench;

import io.swav.local.BackgroundProcess;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** The processes that share the machine during a bench. */
final class BenchProcesses {
    static final String OPERATOR = "operator";
    private static final String BENCH = "bench";

    private final Path cluster;
    private final MeasuredOperator operator;

    /** @param cluster folder of the control plane */
    BenchProcesses(Path cluster, MeasuredOperator operator) {
        this.cluster = cluster;
        this.operator = operator;
    }

    /** Returns the seconds of processor time of each since it started. */
    Map<String, Double> cpuSeconds() {
        Map<String, Double> all = new TreeMap<>();
        if (operator.isRunning()) {
            all.put(OPERATOR, ProcessUsage.cpuSeconds(operator.pid()));
        }
        all.put(BENCH, ProcessUsage.cpuSeconds(ProcessHandle.current().pid()));
        for (String name : new String[] {"etcd", "kube-apiserver", "kube-controller-manager"}) {
            BackgroundProcess.find(cluster, name)
                    .ifPresent(process -> all.put(name, ProcessUsage.cpuSeconds(process.pid())));
        }
        return all;
    }

    /** Returns what each has taken since {@code before}; a process that was not there then took all it has. */
    static Map<String, Double> between(Map<String, Double> before, Map<String, Double> after) {
        Map<String, Double> taken = new TreeMap<>();
        after.forEach((name, seconds) -> taken.put(name, round(seconds - before.getOrDefault(name, 0.0))));
        return taken;
    }

    private static double round(double seconds) {
        return Math.round(seconds * 100) / 100.0;
    }
}
