package io.swav.chaos;

import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Prints a storm's report on the terminal. */
final class StormSummary {
    private StormSummary() {}

    static void print(StormReport report) {
        System.out.printf(
                Locale.ROOT,
                """
                %d steps in %.0f s; %d kills, %d notices, %d resizes, %d hangs, %d lost nodes
                steps lost: %d with notice, %d without
                samples not exactly once: %d
                goodput: %.1f %%
                """,
                report.steps(),
                report.wallSeconds(),
                report.kills(),
                report.notices(),
                report.resizes(),
                report.hangs(),
                report.nodeLosses(),
                report.stepsLostWithNotice(),
                report.stepsLostWithoutNotice(),
                report.samplesNotExactlyOnce(),
                100 * report.goodput());
        if (!report.otherFaults().isEmpty()) {
            System.out.println("other faults: " + listed(report.otherFaults()));
        }
        System.out.println("incidents in the job's status: " + listed(report.incidents()));
        report.pauseSeconds()
                .forEach((cause, pause) -> System.out.printf(
                        Locale.ROOT,
                        "pause, %-8s p50 %.2f s, p95 %.2f s, max %.2f s (%d changes of the world)%n",
                        cause + ":",
                        pause.p50(),
                        pause.p95(),
                        pause.max(),
                        pause.count()));
        if (!report.changeSeconds().isEmpty()) {
            System.out.println(
                    "where a member's change of the world spends its time, in ms (p50, p95; of processors: p50, p95):");
        }
        report.changeSeconds()
                .forEach((name, stage) -> System.out.printf(
                        Locale.ROOT,
                        "  %-11s %6.0f %6.0f;  %6.0f %6.0f  (%d)%n",
                        name,
                        1e3 * stage.p50(),
                        1e3 * stage.p95(),
                        1e3 * stage.processorP50(),
                        1e3 * stage.processorP95(),
                        stage.count()));
        if (report.weightsEqual() != null) {
            System.out.printf(
                    Locale.ROOT,
                    "weights compared with the baseline: %s (relative difference %.3g); loss of every step: %s%n",
                    report.weightsEqual() ? "equal, bit for bit" : "not equal",
                    report.weightsRelativeL2(),
                    Boolean.TRUE.equals(report.lossEqual()) ? "equal, bit for bit" : "not equal");
        }
        System.out.println("survivors kept their processes: " + (report.survivorsKeptProcess() ? "yes" : "no"));
        if (report.stepsWithoutApi() != null) {
            System.out.println("steps trained without the API server: " + report.stepsWithoutApi());
        }
        if (report.stepsWithoutOperator() != null) {
            System.out.println("steps trained without the operator: " + report.stepsWithoutOperator());
        }
        for (String promise : report.broken()) {
            System.out.println("BROKEN: " + promise);
        }
        System.out.println(
                report.broken().isEmpty()
                        ? "every promise was kept"
                        : report.broken().size() + " promises broken");
    }

    private static String listed(Map<String, Integer> counts) {
        return counts.isEmpty()
                ? "none"
                : counts.entrySet().stream()
                        .map(entry -> entry.getValue() + " " + entry.getKey())
                        .collect(Collectors.joining(", "));
    }
}
