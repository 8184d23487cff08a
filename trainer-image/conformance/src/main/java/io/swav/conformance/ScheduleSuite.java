package io.swav.conformance;

import static io.swav.conformance.Fixture.field;

import com.fasterxml.jackson.databind.JsonNode;
import io.swav.collective.Collective;
import io.swav.model.LearningRate;

/** Checks {@code lr_schedule.npz}: the learning rate of every step. */
final class ScheduleSuite implements Suite {
    private static final double TOLERANCE = 1e-12;

    @Override
    public void run(Fixture fixture, Collective world, CaseReport report) {
        try (NpzFile arrays = fixture.arrays()) {
            for (JsonNode meta : fixture.json(fixture.stem() + ".json")) {
                String key = field(meta, "case").asText();
                CaseRunner.run(fixture.stem() + "/" + key, report, name -> {
                    double[] expected = arrays.doubles(key);
                    long perEpoch = field(meta, "iters_per_epoch").asLong();
                    LearningRate rate = new LearningRate(
                            field(meta, "start_warmup").asDouble(),
                            field(meta, "base_lr").asDouble(),
                            field(meta, "final_lr").asDouble(),
                            field(meta, "warmup_epochs").asLong() * perEpoch,
                            expected.length);
                    MaxError worst = new MaxError();
                    for (int step = 0; step < expected.length; step++) {
                        worst.add("step " + step, ErrorMetrics.relative(expected[step], rate.at(step)));
                    }
                    report.accept(worst.against(name, TOLERANCE));
                });
            }
        }
    }
}
