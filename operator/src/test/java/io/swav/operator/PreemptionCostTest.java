package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class PreemptionCostTest {
    private static final Instant SAVED = Instant.parse("2026-01-01T00:00:00Z");
    private static final World TWO =
            new World(3, "u", List.of(new World.Member("a", "a", "h:1"), new World.Member("b", "b", "h:2")), "w");

    private static int age(Duration since) {
        return PreemptionCost.since(SAVED, SAVED.plus(since)).age();
    }

    @Test
    void growsWithEachDoublingOfTheCheckpointsAge() {
        assertThat(age(Duration.ofMinutes(-3))).as("a clock that is behind").isZero();
        assertThat(age(Duration.ofSeconds(299))).isZero();
        assertThat(age(Duration.ofMinutes(5))).isEqualTo(1);
        assertThat(age(Duration.ofSeconds(599))).isEqualTo(1);
        assertThat(age(Duration.ofMinutes(10))).isEqualTo(2);
        assertThat(age(Duration.ofMinutes(20))).isEqualTo(3);
        assertThat(age(Duration.ofMinutes(40))).isEqualTo(4);
        assertThat(age(Duration.ofMinutes(80))).isEqualTo(5);
        assertThat(age(Duration.ofDays(400))).isEqualTo(PreemptionCost.OLDEST);
    }

    /** A job whose checkpoint is made every four minutes causes no write at all; one that saves hourly, at most 6 a pod. */
    @Test
    void changesRarely() {
        int writes = 0;
        int before = 0;
        for (int second = 0; second < 3600; second++) {
            int age = age(Duration.ofSeconds(second % 3600));
            writes += age == before ? 0 : 1;
            before = age;
        }
        assertThat(writes + 1).as("and one after the next checkpoint").isLessThanOrEqualTo(6);
    }

    @Test
    void sparesGoFirstAndThoseWithoutWhomTheJobStopsLast() {
        PreemptionCost fresh = new PreemptionCost(0);
        PreemptionCost old = new PreemptionCost(PreemptionCost.OLDEST);
        assertThat(old.ofPod("spare", TWO, 2)).isZero();
        assertThat(fresh.ofPod("a", TWO, 1)).isEqualTo(PreemptionCost.UNIT).isPositive();
        assertThat(fresh.ofPod("a", TWO, 2)).isEqualTo(3 * PreemptionCost.UNIT);
        assertThat(old.ofPod("a", TWO, 1)).isGreaterThan(fresh.ofPod("a", TWO, 2));
        assertThat(old.ofPod("a", TWO, 2))
                .as("an int32 holds it")
                .isEqualTo(8 * PreemptionCost.UNIT)
                .isPositive();
    }
}
