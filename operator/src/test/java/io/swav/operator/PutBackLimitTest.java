package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class PutBackLimitTest {
    private static final Instant T0 = Instant.parse("2026-01-01T00:00:00Z");

    private final PutBackLimit limit = new PutBackLimit();

    @Test
    void anObjectThatIsChangedAgainAndAgainIsPutBackMoreAndMoreSlowly() {
        Instant now = T0;
        long times = 0;
        while (now.isBefore(T0.plus(Duration.ofHours(1)))) {
            Instant next = limit.notBefore("role", now).orElse(now);
            if (next.equals(now)) {
                limit.putBack("role", now);
                times++;
                now = now.plusMillis(1);
            } else {
                assertThat(Duration.between(now, next)).isLessThanOrEqualTo(Duration.ofSeconds(64));
                now = next;
            }
        }
        assertThat(times).isBetween(50L, 70L);
        assertThat(limit.notBefore("another", now)).isEmpty();
        assertThat(limit.notBefore("role", now.plus(Duration.ofMinutes(4))))
                .as("forgotten")
                .isEmpty();
    }

    @Test
    void threeChangesArePutBackAtOnce() {
        for (int i = 0; i < 3; i++) {
            assertThat(limit.notBefore("role", T0)).isEmpty();
            limit.putBack("role", T0);
        }
        assertThat(limit.notBefore("role", T0)).contains(T0.plusSeconds(1));
    }
}
