package io.swav.charts;

import io.swav.api.ConditionType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Compares the metrics that the chart's alerts and dashboard query with those that an operator exports. */
public final class Monitoring {
    private static final Pattern NAME = Pattern.compile("\\b(?:swav|operator_sdk)_[a-z_]+");
    private static final Pattern CONDITION = Pattern.compile("condition=\\\\?\"(\\w+)");
    /** Metrics that an operator exports only after an event that does not occur in an undisturbed run, or with namespaces. */
    private static final Set<String> RARE = Set.of(
            "operator_sdk_reconciliations_failed_total", "swav_job_seconds_lost", "swav_operator_namespace_watched");

    private static final Set<String> CONDITIONS =
            Stream.of(ConditionType.values()).map(Enum::name).collect(Collectors.toSet());

    private Monitoring() {}

    /** @param scraped the operator's /metrics after a run with checkpoints */
    public static List<String> problems(String scraped) throws IOException {
        Set<String> exported = scraped.lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.replaceFirst("[{ ].*", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        List<String> problems = new ArrayList<>();
        for (String file : List.of("alerts.yaml", "dashboard.json")) {
            String text = ProjectFiles.read("charts/swav-operator/files/" + file);
            NAME.matcher(text)
                    .results()
                    .map(MatchResult::group)
                    .distinct()
                    .filter(name -> !exported.contains(name) && !RARE.contains(name))
                    .forEach(name -> problems.add(file + ": the operator does not export " + name));
            for (Matcher condition = CONDITION.matcher(text); condition.find(); ) {
                if (!CONDITIONS.contains(condition.group(1))) { // some are exported only while they are True
                    problems.add(file + ": there is no condition " + condition.group(1));
                }
            }
        }
        return problems;
    }
}
