package io.swav.conformance;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.collective.Collective;
import java.io.IOException;

/** Checks {@code augment.npz}: the operations of multi-crop, pixel by pixel and by their distributions. */
final class AugmentSuite implements Suite {
    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays()) {
            JsonNode meta = new ObjectMapper()
                    .readTree(fixture.folder().resolve("augment.json").toFile());
            for (AugmentGolden.Check check : AugmentGolden.run(arrays, meta)) {
                String name = fixture.stem() + "/" + check.name();
                report.accept(GoldenCase.compared(name, check.error(), check.tolerance(), ""));
            }
        } catch (IOException e) {
            throw new GoldenException(fixture.file() + " cannot be checked: " + e.getMessage(), e);
        }
    }
}
