package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class StartGateTest {
    private final StartGate gate = new StartGate();
    private final Instant now = Instant.EPOCH;

    @Test
    void togetherWhileNobodyIsReady() {
        assertThat(gate.enter("a", now)).isTrue();
        assertThat(gate.enter("b", now)).isTrue();
    }

    @Test
    void oneAfterTheOtherBesideAReadyOne() {
        gate.ready("a");
        assertThat(gate.enter("b", now)).isTrue();
        assertThat(gate.enter("c", now)).isFalse();
        gate.ready("b");
        assertThat(gate.enter("c", now)).isTrue();
        gate.leave("c");
        assertThat(gate.enter("d", now)).isTrue();
    }

    @Test
    void oneThatNeverGetsReadyHoldsTheOthersUpForAWhileOnly() {
        gate.ready("a");
        gate.enter("b", now);
        assertThat(gate.enter("c", now.plus(StartGate.PATIENCE).minusMillis(1))).isFalse();
        assertThat(gate.enter("c", now.plus(StartGate.PATIENCE))).isTrue();
    }

    @Test
    void whenTheReadyOnesHaveEndedThereIsNobodyToSlow() {
        gate.ready("a");
        gate.enter("b", now);
        gate.leave("a");
        assertThat(gate.enter("c", now)).isTrue();
    }
}
