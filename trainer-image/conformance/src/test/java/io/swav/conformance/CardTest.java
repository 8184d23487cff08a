package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.collective.nccl.NcclStub;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several processes on one GPU. {@code e2e/gpu/run.sh} runs this on a machine that has one. */
class CardTest {
    /** Runs the cases of the script over the stub. */
    @Test
    void theStubPassesTheCasesOfTheGpu() throws Exception {
        List<CardRun.Result> results = CardRun.all(
                NcclStub.folder().toString(),
                List.of(3),
                line -> {},
                "-XX:TieredStopAtLevel=1",
                "-Dcard.floats=250000",
                "-Dcard.millis=10000"); // a busy machine may need longer than the second allowed on a GPU
        assertThat(results)
                .map(CardRun.Result::what)
                .containsExactly("contract", "shrink", "worlds", "bench", "killed", "ahead", "hung");
        assertThat(results).allMatch(result -> result.verdict() == CardRun.Verdict.PASS);
    }

    @Tag("gpu")
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void theGpuPasses(int ranks) throws Exception {
        assertThat(CardRun.all(Card.REAL, List.of(ranks), line -> {}))
                .allMatch(result -> result.verdict() == CardRun.Verdict.PASS);
    }
}
