package io.swav.operator;

import io.swav.api.ConditionType;
import io.swav.api.DataInventory;
import io.swav.api.DataLedger;
import io.swav.api.LearningFigures;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.SwavJobStatus.WorldStatus;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Renders all jobs as one page for a browser, from their statuses: what runs, what was lost and why. The page loads
 * nothing else, and reloads itself every few seconds.
 */
final class JobPage {
    /** The page's Content-Security-Policy: it may only show itself, in its own style. */
    static final String POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

    private static final int REFRESH_SECONDS = 5;
    private static final String STYLE = style();

    private final HtmlWriter html = new HtmlWriter();
    private final Instant now;

    private JobPage(Instant now) {
        this.now = now;
    }

    /**
     * Renders the page.
     * @param leadership a sentence about this operator: whether it leads
     */
    static String html(Collection<SwavJob> jobs, String leadership, Instant now) {
        JobPage page = new JobPage(now);
        page.head(jobs.size(), leadership);
        jobs.stream()
                .sorted(Comparator.comparing((SwavJob job) -> job.getMetadata().getNamespace())
                        .thenComparing(job -> job.getMetadata().getName()))
                .forEach(page::job);
        return page.html.raw("</body>\n</html>\n").toString();
    }

    private void head(int jobs, String leadership) {
        html.raw("""
                        <!DOCTYPE html>
                        <html lang="en">
                        <head>
                        <meta charset="utf-8">
                        <meta name="viewport" content="width=device-width">
                        <meta http-equiv="refresh" content="%d">
                        <title>SwAV jobs</title>
                        <style>
                        %s</style>
                        </head>
                        <body>
                        <header><h1>SwAV jobs</h1>""".formatted(REFRESH_SECONDS, STYLE))
                .tag("span", jobs == 1 ? "1 job" : jobs + " jobs")
                .tag("span", leadership)
                .tag("span", now.truncatedTo(ChronoUnit.SECONDS))
                .raw("</header>\n");
    }

    private void job(SwavJob job) {
        SwavJobStatus status = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        html.raw("<section>\n<h2>")
                .text(job.getMetadata().getName())
                .tag("small", job.getMetadata().getNamespace())
                .tag("span class=\"phase " + color(status) + "\"", status.phase() == null ? "New" : status.phase())
                .raw("</h2>\n")
                .tag("p", sentence(job, status));
        Optional.ofNullable(status.progress()).ifPresent(this::progress);
        figures(job, status);
        Optional.ofNullable(status.ledger()).map(Ledger::incidents).ifPresent(this::incidents);
        Optional.ofNullable(status.checkpoints()).ifPresent(this::checkpoints);
        Optional.ofNullable(status.conditions()).ifPresent(this::conditions);
        html.raw("</section>\n");
    }

    private static String color(SwavJobStatus status) {
        if (status.isTrue(ConditionType.Failed) || status.isTrue(ConditionType.Stalled)) {
            return "bad";
        }
        Phase phase = status.phase();
        if (phase == null) {
            return "idle";
        }
        return switch (phase) {
            case Running, Complete -> "good";
            case Pending, Resizing, Holding -> "busy";
            case Invalid, Suspended, Failed -> "idle";
        };
    }

    private static String sentence(SwavJob job, SwavJobStatus status) {
        if (status.observedGeneration() == null) {
            return "The operator has not seen this job yet.";
        }
        String ready =
                status.condition(ConditionType.Ready).map(JobCondition::message).orElse("");
        return Objects.equals(status.observedGeneration(), job.getMetadata().getGeneration())
                ? ready
                : ready + " (refers to an earlier spec; the operator has not processed the current one yet)";
    }

    private void progress(Progress progress) {
        if (progress.step() == null || progress.steps() == null || progress.steps() <= 0) {
            return;
        }
        double share = Math.min(1, (double) progress.step() / progress.steps());
        html.raw("<div class=\"bar\"><div style=\"width:"
                        + HumanFormat.percent(share).replace(" ", "") + "\"></div></div>\n")
                .raw("<p class=\"soft\">")
                .text("step " + HumanFormat.number(progress.step()) + " of " + HumanFormat.number(progress.steps())
                        + ", " + HumanFormat.percent(share))
                .text(progress.epoch() == null ? "" : ", epoch " + progress.epoch())
                .text(
                        progress.etaSeconds() == null || progress.etaSeconds() == 0
                                ? ""
                                : ", " + HumanFormat.duration(Duration.ofSeconds(progress.etaSeconds())) + " to go")
                .raw("</p>\n");
    }

    private void figures(SwavJob job, SwavJobStatus status) {
        Optional<SwavJobSpec> spec = Optional.ofNullable(job.getSpec());
        html.raw("<dl>");
        Optional<WorldStatus> world = Optional.ofNullable(status.world());
        figure(
                "trainers in the world",
                world.map(w -> HumanFormat.number(w.size())).orElse("0")
                        + spec.map(s -> " of " + s.replicas() + " wanted").orElse(""));
        figure(
                "pods",
                HumanFormat.number(status.replicas()) + ", " + HumanFormat.number(status.readyReplicas()) + " ready");
        world.ifPresent(w -> figure("world", w.generation() + ", since " + HumanFormat.ago(w.since(), now)));
        Optional.ofNullable(status.progress()).ifPresent(p -> {
            figure("loss", HumanFormat.number(p.loss()));
            figure("images per second", HumanFormat.number(p.imagesPerSecond()));
            Optional.ofNullable(p.learning()).ifPresent(this::learning);
            if (p.knnTop1() != null) {
                figure("kNN top-1", HumanFormat.number(p.knnTop1()) + " %");
            }
            Optional.ofNullable(p.data()).ifPresent(this::data);
            if (p.skippedSamples() != null && p.skippedSamples() > 0) {
                figure("images skipped", HumanFormat.number(p.skippedSamples()));
            }
        });
        Optional.ofNullable(status.ledger()).ifPresent(this::ledger);
        html.raw("</dl>\n");
    }

    private void learning(LearningFigures learning) {
        figure("loss of chance, ln K", learning.lossOfChance());
        figure("spread of embeddings, 0 to 1", learning.embeddingSpread());
        figure("prototypes predicted", learning.predictionPerplexity());
        figure("information, nats", learning.information());
        figure("share of dead prototypes", learning.deadPrototypes());
        figure("rank of features", learning.featureRank());
        figure("gradient norm", learning.gradientNorm());
        figure("share of time waiting for images", learning.dataWait());
    }

    private void figure(String name, @Nullable Double value) {
        if (value != null) {
            figure(name, HumanFormat.number(value));
        }
    }

    private void data(DataInventory data) {
        figure("images", HumanFormat.number(data.images()));
        List<DataLedger.Entry> sets = data.seenSets();
        if (sets.size() > 1) {
            figure(
                    "images by epoch",
                    sets.stream()
                            .map(set -> HumanFormat.number(set.samples()) + " from epoch " + set.epoch() + " on")
                            .collect(Collectors.joining(", ")));
        }
        if (data.notUsed() != null) {
            figure("images not used", data.notUsed());
        }
        if (data.ignored() != null && data.ignored() > 0) {
            figure(
                    "files ignored",
                    data.ignoredReasons() == null ? HumanFormat.number(data.ignored()) : data.ignoredReasons());
        }
    }

    private void ledger(Ledger ledger) {
        figure("goodput", HumanFormat.percent(ledger.goodput()));
        figure("steps lost", HumanFormat.number(ledger.stepsLost()));
        figure("preemptions", HumanFormat.number(ledger.preemptions()));
        figure("failures, hangs", HumanFormat.number(ledger.failures()) + ", " + HumanFormat.number(ledger.hangs()));
        Long notFinite = ledger.notFinite();
        if (notFinite != null && notFinite > 0) {
            figure("steps not finite", HumanFormat.number(notFinite));
        }
        figure("resizes", HumanFormat.number(ledger.resizes()));
        Map<String, Double> lost =
                Optional.ofNullable(ledger.secondsLostByCause()).orElse(Map.of());
        if (!lost.isEmpty()) {
            figure(
                    "seconds paused, by cause",
                    lost.entrySet().stream()
                            .map(cause -> cause.getKey() + " " + HumanFormat.number(cause.getValue()))
                            .collect(Collectors.joining(", ")));
        }
    }

    private void figure(String name, String value) {
        html.raw("<div>").tag("dt", name).tag("dd", value).raw("</div>");
    }

    private void incidents(List<Incident> incidents) {
        List<Incident> newestFirst = incidents.stream()
                .sorted(Comparator.comparing(Incident::time).reversed())
                .toList();
        table(
                "What happened",
                newestFirst,
                List.of(
                        new Column<>("when", "time", incident -> HumanFormat.ago(incident.time(), now)),
                        new Column<>("kind", "", incident -> incident.kind().name()),
                        new Column<>("pod", "pod", Incident::pod),
                        new Column<>("what", "wide", Incident::reason),
                        new Column<>("at step", "number", incident -> HumanFormat.number(incident.step())),
                        new Column<>("steps lost", "number", incident -> HumanFormat.number(incident.stepsLost())),
                        new Column<>(
                                "seconds paused", "number", incident -> HumanFormat.number(incident.secondsPaused()))));
    }

    private void checkpoints(List<CheckpointEntry> checkpoints) {
        table(
                "Checkpoints",
                checkpoints,
                List.of(
                        new Column<>("step", "number", entry -> HumanFormat.number(entry.step())),
                        new Column<>("when", "time", entry -> HumanFormat.ago(entry.time(), now)),
                        new Column<>("state", "wide", JobPage::state),
                        new Column<>("size", "number", entry -> HumanFormat.bytes(entry.bytes())),
                        new Column<>("seconds", "number", entry -> HumanFormat.number(entry.seconds())),
                        new Column<>("where", "wide", CheckpointEntry::uri)));
    }

    private static String state(CheckpointEntry entry) {
        if (entry.problem() != null) {
            return entry.problem();
        }
        return Boolean.TRUE.equals(entry.verified()) ? "verified" : "not verified";
    }

    private void conditions(List<JobCondition> conditions) {
        html.raw("<details><summary>Conditions</summary>");
        table(
                "",
                conditions,
                List.of(
                        new Column<>("condition", "", JobCondition::type),
                        new Column<>("status", "", JobCondition::status),
                        new Column<>("reason", "", JobCondition::reason),
                        new Column<>("message", "wide", JobCondition::message),
                        new Column<>(
                                "since", "time", condition -> HumanFormat.ago(condition.lastTransitionTime(), now))));
        html.raw("</details>\n");
    }

    private record Column<T>(String title, String kind, Function<T, @Nullable String> cell) {}

    private <T> void table(String title, List<T> rows, List<Column<T>> columns) {
        if (rows.isEmpty()) {
            return;
        }
        if (!title.isEmpty()) {
            html.tag("h3", title);
        }
        html.raw("<table><tr>");
        columns.forEach(column -> html.tag("th class=\"" + column.kind() + "\"", column.title()));
        html.raw("</tr>\n");
        for (T row : rows) {
            html.raw("<tr>");
            for (Column<T> column : columns) {
                String cell = column.cell().apply(row);
                html.tag("td class=\"" + column.kind() + "\"", cell == null ? HumanFormat.NONE : cell);
            }
            html.raw("</tr>\n");
        }
        html.raw("</table>\n");
    }

    private static String style() {
        try (InputStream css = JobPage.class.getResourceAsStream("page.css")) {
            if (css == null) {
                throw new IllegalStateException("page.css is not on the class path");
            }
            return new String(css.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
