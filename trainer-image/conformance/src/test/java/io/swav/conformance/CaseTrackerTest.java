package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.multiprocess.RankFailure;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CaseTrackerTest {
    private static final String WORLD = "world size 2";

    private final List<GoldenCase> results = new ArrayList<>();
    private final CaseTracker cases = new CaseTracker(WORLD, results::add);

    private static GoldenCase ok(String name) {
        return GoldenCase.compared(name, 0, 1, "");
    }

    private static GoldenCase dead(String name) {
        return GoldenCase.failed(name, "SIGFPE");
    }

    private void begin(int rank, String name) {
        cases.record(rank, new CaseEvent.Begun(name));
    }

    private void end(int rank, String name) {
        cases.record(rank, new CaseEvent.Ended(name));
    }

    private void report(GoldenCase result) {
        cases.record(0, new CaseEvent.Compared(result));
    }

    /** Runs a case of rank 0 from begin to end. */
    private void run(String name) {
        begin(0, name);
        report(ok(name));
        end(0, name);
    }

    private boolean die(int rank) {
        return cases.died(new RankFailure(rank, "SIGFPE"));
    }

    @Test
    void failsTheInnermostCaseAndLeavesOutWhatHasRun() {
        begin(0, "file");
        run("file/a");
        begin(0, "file/b");
        report(ok("file/b first"));
        assertThat(die(0)).isTrue();
        assertThat(results).containsExactly(ok("file/a"), ok("file/b first"), dead("file/b"));
        assertThat(cases.settled()).containsExactly("file/a", "file/b");
    }

    @Test
    void repeatsNoResultOfACaseThatIsRunAgain() {
        begin(0, "file");
        report(GoldenCase.skipped("file/queue", "unsupported"));
        begin(0, "file/a");
        die(0);
        begin(0, "file");
        report(GoldenCase.skipped("file/queue", "unsupported"));
        run("file/b");
        end(0, "file");
        assertThat(results)
                .containsExactly(GoldenCase.skipped("file/queue", "unsupported"), dead("file/a"), ok("file/b"));
    }

    @Test
    void reportsAnotherOutcomeOfACaseThatIsRunAgain() {
        begin(0, "a");
        begin(1, "b");
        report(ok("a"));
        die(1);
        begin(0, "a");
        GoldenCase worse = GoldenCase.compared("a", 2, 1, "");
        report(worse);
        assertThat(results).containsExactly(ok("a"), dead("b"), worse);
    }

    @Test
    void keepsSeveralResultsOfOneNameApart() {
        begin(0, "a");
        GoldenCase off = GoldenCase.compared("a", 2, 1, "");
        GoldenCase stopped = GoldenCase.failed("a", "no more rows");
        report(off);
        report(stopped);
        end(0, "a");
        assertThat(results).containsExactly(off, stopped);
    }

    @Test
    void blamesTheCaseOfTheRankThatDied() {
        begin(0, "a");
        begin(1, "a");
        report(ok("a"));
        end(0, "a");
        begin(0, "b");
        assertThat(die(1)).isTrue();
        assertThat(results).containsExactly(ok("a"), dead("a"));
        assertThat(cases.settled()).containsExactly("a");
    }

    @Test
    void settlesACaseOnlyWhenRankZeroEndedIt() {
        begin(0, "a");
        begin(1, "a");
        end(1, "a");
        begin(1, "b");
        assertThat(die(1)).isTrue();
        assertThat(cases.settled()).containsExactly("b");
    }

    @Test
    void entersAFileOnceMoreWhenItDiedBetweenItsCases() {
        begin(0, "file");
        run("file/a");
        assertThat(die(0)).isTrue();
        assertThat(cases.settled()).containsExactly("file/a");
        begin(0, "file");
        assertThat(die(0)).isTrue();
        assertThat(cases.settled()).containsExactly("file/a", "file");
        assertThat(results).containsExactly(ok("file/a"), dead("file"));
    }

    @Test
    void stopsWhenNoCaseBegins() {
        assertThat(die(0)).isFalse();
        assertThat(results).containsExactly(dead(WORLD));
    }

    @Test
    void stopsWhenALaterStartSettlesNothing() {
        run("a");
        assertThat(die(0)).isTrue();
        assertThat(die(0)).isFalse();
        assertThat(results).containsExactly(ok("a"), dead(WORLD));
    }

    @Test
    void stopsWhenOnlyOtherRanksProgress() {
        begin(1, "a");
        end(1, "a");
        assertThat(die(1)).isFalse();
    }

    /** Simulates two files of two cases; each case, the end of each file, and the end of all may kill the process. */
    @Test
    void runsEveryCaseOnceWhateverDies() {
        List<String> names = List.of("f/a", "f/b", "f", "g/a", "g/b", "g", WORLD);
        for (int deadly = 0; deadly < 1 << names.size(); deadly++) {
            List<String> killers = new ArrayList<>();
            for (int i = 0; i < names.size(); i++) {
                if ((deadly >> i & 1) == 1) {
                    killers.add(names.get(i));
                }
            }
            List<GoldenCase> reported = new ArrayList<>();
            CaseTracker tracker = new CaseTracker(WORLD, reported::add);
            int starts = 0;
            boolean restart = true;
            while (restart) {
                assertThat(starts++).as("starts when %s kill", killers).isLessThan(2 * names.size());
                boolean died = !new Child(tracker, killers).all();
                restart = died && tracker.died(new RankFailure(0, "SIGFPE"));
            }
            List<GoldenCase> expected = new ArrayList<>();
            List.of("f/a", "f/b", "g/a", "g/b")
                    .forEach(name -> expected.add(killers.contains(name) ? dead(name) : ok(name)));
            List.of("f", "g", WORLD).stream().filter(killers::contains).forEach(name -> expected.add(dead(name)));
            assertThat(reported).as("when %s kill", killers).containsExactlyInAnyOrderElementsOf(expected);
        }
    }

    /** A process that skips settled cases; each method returns whether it is still alive. */
    private record Child(CaseTracker tracker, List<String> killers) {
        boolean all() {
            return file("f") && file("g") && !killers.contains(WORLD);
        }

        private boolean file(String name) {
            if (tracker.settled().contains(name)) {
                return true;
            }
            tracker.record(0, new CaseEvent.Begun(name));
            if (!one(name + "/a") || !one(name + "/b") || killers.contains(name)) {
                return false;
            }
            tracker.record(0, new CaseEvent.Ended(name));
            return true;
        }

        private boolean one(String name) {
            if (tracker.settled().contains(name)) {
                return true;
            }
            tracker.record(0, new CaseEvent.Begun(name));
            if (killers.contains(name)) {
                return false;
            }
            tracker.record(0, new CaseEvent.Compared(ok(name)));
            tracker.record(0, new CaseEvent.Ended(name));
            return true;
        }
    }
}
