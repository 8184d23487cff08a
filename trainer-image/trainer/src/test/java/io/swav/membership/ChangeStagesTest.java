package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.swav.api.StageTime;
import org.junit.jupiter.api.Test;

class ChangeStagesTest {
    private long now;
    private long processor;
    private final ChangeStages stages = new ChangeStages(() -> now, () -> processor);

    @Test
    void aStageBeginsWhenTheOneBeforeEnds() {
        pass(250, 100);
        stages.end("wait");
        pass(40, 80);
        stages.end("connect");
        assertThat(stages.all())
                .containsExactly(entry("wait", new StageTime(0.25, 0.1)), entry("connect", new StageTime(0.04, 0.08)));
        assertThat(stages.describe()).isEqualTo("wait 0.250, connect 0.040");
    }

    @Test
    void anotherAttemptAddsToTheStagesAndTheNextChangeBeginsAnew() {
        pass(10, 10);
        stages.end("connect");
        pass(20, 30);
        stages.end("wait");
        pass(30, 20);
        stages.end("connect");
        assertThat(stages.describe()).isEqualTo("connect 0.040, wait 0.020");
        pass(500, 500);
        stages.begin();
        pass(7, 3);
        stages.end("wait");
        assertThat(stages.all()).containsOnlyKeys("wait").containsEntry("wait", new StageTime(0.007, 0.003));
    }

    private void pass(long millis, long processorMillis) {
        now += 1_000_000 * millis;
        processor += 1_000_000 * processorMillis;
    }
}
