package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.conformance.DyingRank.Death;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CaseProcessesTest {
    private static final Duration LONG = Duration.ofMinutes(2);

    private static List<GoldenCase> run(Death death, int size, Duration patience) throws Exception {
        List<GoldenCase> results = new CopyOnWriteArrayList<>();
        CaseProcesses.run(DyingRank.class, size, patience, death.name(), results::add);
        return results;
    }

    private static void assertOnlyTheSecondCaseFailed(List<GoldenCase> results, String notePattern) {
        assertThat(results)
                .extracting(result -> result.line().split(" {2}\\(| {2}error", 2)[0])
                .containsExactly(
                        "skip  file/queue",
                        "ok    file/first",
                        "ok    file/second half",
                        "FAIL  file/second",
                        "ok    file/third",
                        "ok    last");
        assertThat(results.get(3).note()).matches(notePattern);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void runsTheOtherCasesWhenASignalKillsARank(int size) throws Exception {
        assertOnlyTheSecondCaseFailed(run(Death.SIGNAL, size, LONG), "rank " + (size - 1) + " died: SIGFPE in .+");
        assertNoCrashReport();
    }

    @Test
    void runsTheOtherCasesWhenARankExits() throws Exception {
        assertOnlyTheSecondCaseFailed(run(Death.EXIT, 1, LONG), "rank 0 ended with exit code 3");
    }

    @Test
    void runsTheOtherCasesWhenARankHangs() throws Exception {
        assertOnlyTheSecondCaseFailed(
                run(Death.HANG, 2, Duration.ofSeconds(10)), "rank [01] of 2 hung: no output for 10 s");
    }

    @Test
    void failsOnceWhenProcessesDieBeforeAnyCase() throws Exception {
        assertThat(run(Death.BEFORE_ANY_CASE, 2, LONG))
                .containsExactly(GoldenCase.failed("world size 2", "rank 0 ended with exit code 3"));
    }

    /** Checks that the JVM wrote no crash report to its default place, the working folder. */
    private static void assertNoCrashReport() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("."))) {
            assertThat(files.map(Path::toString)).noneMatch(name -> name.contains("hs_err"));
        }
    }
}
