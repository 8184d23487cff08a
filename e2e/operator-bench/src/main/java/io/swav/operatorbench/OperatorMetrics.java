package io.swav.operatorbench;

import java.util.List;
import java.util.stream.IntStream;

/** Reads the text format of Prometheus, as the operator writes it. */
final class OperatorMetrics {
    private static final String STARTED = "operator_sdk_reconciliations_started_total";
    private static final String OF_JOB = "swav_job_";
    private static final int SCRAPES = 5;

    private OperatorMetrics() {}

    /** Returns the number of reconciliations that were started, over all label values. */
    static long reconciliations(String metrics) {
        return Math.round(metrics.lines()
                .filter(line -> line.startsWith(STARTED + "{") || line.startsWith(STARTED + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .sum());
    }

    /** Returns the bytes of the lines that are about single jobs. */
    static long jobBytes(String metrics) {
        return metrics.lines()
                .filter(line -> line.startsWith(OF_JOB))
                .mapToLong(line -> line.length() + 1L)
                .sum();
    }

    /** Scrapes the metrics of an operator that has this many jobs. */
    static BenchReport.Metrics measure(MeasuredOperator operator, int jobs) {
        List<MeasuredOperator.Scrape> scrapes =
                IntStream.range(0, SCRAPES).mapToObj(i -> operator.scrape()).toList();
        String text = scrapes.get(0).text();
        return new BenchReport.Metrics(
                text.length(),
                jobBytes(text) / Math.max(1, jobs),
                Latency.of(
                        scrapes.stream().map(MeasuredOperator.Scrape::seconds).toList()));
    }
}
