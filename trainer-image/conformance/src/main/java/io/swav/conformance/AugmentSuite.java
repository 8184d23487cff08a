package io.swav.conformance;

import io.swav.collective.Collective;
import io.swav.data.AugmentGolden;
import java.io.IOException;

/** Checks {@code augment.npz}: the operations of multi-crop, pixel by pixel and by their distributions. */
final class AugmentSuite implements Suite {
    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try {
            for (AugmentGolden.Check check : AugmentGolden.run(fixture.folder())) {
                String name = fixture.stem() + "/" + check.name();
                report.accept(GoldenCase.compared(name, check.error(), check.tolerance(), ""));
            }
        } catch (IOException e) {
            throw new GoldenException(fixture.file() + " cannot be checked: " + e.getMessage(), e);
        }
    }
}
