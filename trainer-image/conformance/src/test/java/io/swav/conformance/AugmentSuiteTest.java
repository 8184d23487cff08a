package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.collective.SoloCollective;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AugmentSuiteTest {
    @Test
    void matchesTheReferenceWithinTolerance() {
        Path shared = Path.of(Optional.ofNullable(System.getenv("SWAV_SHARED")).orElse("../../../shared"));
        Path golden = shared.resolve("golden");
        assumeTrue(Files.exists(golden.resolve("augment.npz")), "no fixtures in " + golden.toAbsolutePath());

        List<GoldenCase> cases = new ArrayList<>();
        new AugmentSuite().run(new Fixture(golden, "augment.npz"), new SoloCollective(), collecting(cases));

        assertThat(cases).hasSizeGreaterThan(100).allMatch(result -> result.outcome() == GoldenCase.CaseOutcome.PASSED);
    }

    private static CaseReport collecting(List<GoldenCase> cases) {
        return new CaseReport() {
            @Override
            public boolean begin(String name) {
                return true;
            }

            @Override
            public void accept(GoldenCase result) {
                cases.add(result);
            }

            @Override
            public void end(String name) {}
        };
    }
}
