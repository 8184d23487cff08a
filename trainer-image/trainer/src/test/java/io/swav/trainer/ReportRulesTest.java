package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.api.Fingerprints;
import io.swav.api.ReportRules;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.membership.WorldSource;
import io.swav.model.StepResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a trainer leaves out of its reports, and when, under operators of this and of earlier versions. */
class ReportRulesTest {
    private static final int MEMBERS = 40;
    private static final Duration TIME = Duration.ofSeconds(9);
    private static final Fingerprints OWN = new Fingerprints(
            "config", 7, "data", 1, "build", true, "numerics", "first", new TreeMap<>(Map.of("training.seed", "3")));

    private Optional<ReportRules> rules = Optional.empty();
    private final World world = new World(
            1,
            "job",
            IntStream.range(0, MEMBERS)
                    .mapToObj(rank -> new World.Member("job-" + rank, "uid-" + rank, "a:1"))
                    .toList(),
            "");

    private final WorldSource worlds = new WorldSource() {
        @Override
        public World newest() {
            return world;
        }

        @Override
        public void awaitLater(long than, long millis) {}

        @Override
        public Optional<ReportRules> reportRules() {
            return rules;
        }

        @Override
        public void close() {}
    };

    @Test
    void membersOfAWorldThatMakesStepsReportOnceIfTheOperatorHearsThemThroughOthers() throws Exception {
        rules = Optional.of(new ReportRules("config"));
        assertThat(reportsOf(30))
                .as("in state Training, and after the first step")
                .hasSizeBetween(1, 3);
        assertThat(reportsOf(0)).as("of rank 0").hasSizeGreaterThanOrEqualTo(4);
    }

    @Test
    void everyMemberReportsEveryTwoSecondsToAnEarlierOperator() throws Exception {
        assertThat(reportsOf(30)).hasSizeGreaterThanOrEqualTo(4);
    }

    @Test
    void settingsThatTheOperatorHasAreLeftOut() {
        TrainerProgress progress = new TrainerProgress("job-3", "uid-3", worlds);
        progress.fingerprints(OWN);
        assertThat(fingerprints(progress).settings()).as("an earlier operator").isNotEmpty();
        rules = Optional.of(new ReportRules("another"));
        assertThat(fingerprints(progress).settings()).as("they differ").isNotEmpty();
        rules = Optional.of(new ReportRules("config"));
        assertThat(fingerprints(progress)).isEqualTo(OWN.withSettings(new TreeMap<>()));
    }

    @Test
    void rulesOfAnyContentAreNoRulesOrUsable() {
        assertThat(ReportRules.read(new ReportRules("x").write())).contains(new ReportRules("x"));
        assertThat(ReportRules.read("{\"later\": 1}")).contains(new ReportRules(""));
        for (String text : new String[] {"", " ", "null", "[]", "{", "3"}) {
            assertThat(ReportRules.read(text)).as(text).isEmpty();
        }
        assertThat(ReportRules.read(null)).isEmpty();
    }

    private static Fingerprints fingerprints(TrainerProgress progress) {
        return Optional.ofNullable(progress.report().fingerprints()).orElseThrow();
    }

    /** Returns the reports of a member that makes ten steps a second. */
    private List<TrainerReport> reportsOf(int rank) throws Exception {
        List<TrainerReport> reports = Collections.synchronizedList(new ArrayList<>());
        TrainerProgress progress = new TrainerProgress("job-" + rank, "uid-" + rank, worlds);
        progress.job(32, MEMBERS, Trainers.schedule(300));
        progress.entering();
        progress.formed(1, 0, "TCP");
        progress.state(State.Training, 1, null);
        long end = System.nanoTime() + TIME.toNanos();
        long[] step = {0};
        try (ProgressReporter reporter = new ProgressReporter(progress, reports::add, () -> {})) {
            assertThat(reporter).isNotNull();
            await().pollInterval(Duration.ofMillis(100))
                    .atMost(TIME.plusSeconds(20))
                    .until(() -> {
                        progress.began();
                        progress.step(++step[0], new StepResult(2, 0), 0);
                        return System.nanoTime() > end;
                    });
            return List.copyOf(reports);
        }
    }
}
