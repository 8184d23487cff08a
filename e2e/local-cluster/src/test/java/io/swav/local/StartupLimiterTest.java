package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class StartupLimiterTest {
    private static final Instant LATER = Instant.EPOCH.plus(StartupLimiter.SETTLE);

    private final StartupLimiter gate = new StartupLimiter();
    private final Instant now = Instant.EPOCH;

    @Test
    void startsAllTogetherWhileNoneIsReady() {
        assertThat(gate.enter("a", now)).isTrue();
        assertThat(gate.enter("b", now)).isTrue();
    }

    @Test
    void startsOneAfterTheOtherWhileAnotherIsReady() {
        gate.ready("a", now);
        assertThat(gate.enter("b", LATER)).isTrue();
        assertThat(gate.enter("c", LATER)).isFalse();
        gate.leave("b", LATER);
        assertThat(gate.enter("c", LATER)).isTrue();
    }

    @Test
    void startsNoneWhileTheOthersAdjustToAnArrivalOrDeparture() {
        gate.ready("a", now);
        gate.ready("b", now);
        gate.ready("b", LATER); // again, after a probe that failed
        assertThat(gate.enter("c", LATER.minusMillis(1))).isFalse();
        assertThat(gate.enter("c", LATER)).isTrue();
        gate.leave("c", LATER);
        gate.leave("b", LATER);
        assertThat(gate.enter("d", LATER)).isFalse();
        assertThat(gate.enter("d", LATER.plus(StartupLimiter.SETTLE))).isTrue();
    }

    @Test
    void oneThatNeverBecomesReadyDelaysTheOthersOnlyForPatience() {
        gate.ready("a", now);
        gate.enter("b", LATER);
        assertThat(gate.enter("c", LATER.plus(StartupLimiter.PATIENCE).minusMillis(1)))
                .isFalse();
        assertThat(gate.enter("c", LATER.plus(StartupLimiter.PATIENCE))).isTrue();
    }

    @Test
    void startsAtOnceWhenTheReadyOnesHaveEnded() {
        gate.ready("a", now);
        gate.enter("b", LATER);
        gate.leave("a", LATER);
        assertThat(gate.enter("c", LATER)).isTrue();
    }
}
