package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AugmentGoldenTest {
    @Test
    void matchesTheReferenceWithinTolerance() throws IOException {
        Path shared = Path.of(Optional.ofNullable(System.getenv("SWAV_SHARED")).orElse("../../../shared"));
        Path golden = shared.resolve("golden");
        assumeTrue(Files.exists(golden.resolve("augment.npz")), "no fixtures in " + golden.toAbsolutePath());

        List<AugmentGolden.Check> checks = AugmentGolden.run(golden);

        assertThat(checks).hasSizeGreaterThan(100).allMatch(AugmentGolden.Check::passed);
    }
}
