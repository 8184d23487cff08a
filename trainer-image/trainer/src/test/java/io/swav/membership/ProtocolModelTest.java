package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.membership.ProtocolModel.Mutant;
import io.swav.membership.ProtocolModel.Violation;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks that the protocol keeps its promises over thousands of interleavings, and breaks them if any rule is left out. */
class ProtocolModelTest {
    private static final int SEEDS = Integer.getInteger("swav.model.seeds", 1000);

    @Test
    void promisesHoldUnderFaults() {
        long steps = 0;
        for (long seed = 0; seed < SEEDS; seed++) {
            steps += run(seed, true);
        }
        assertThat(steps).as("steps of all runs").isGreaterThan(20L * SEEDS);
    }

    /**
     * Seeds in which a rank fails after it has sent at least its offers, and calls again: a rank that received them waits
     * for a second, which waits for a third, which waits for the first.
     */
    @ParameterizedTest
    @ValueSource(longs = {2088, 2161, 7241, 7650, 8454, 8945, 9822, 11697})
    void noRankWaitsForOneThatHasCalledAgain(long seed) {
        assertThat(run(seed, true)).isPositive();
    }

    @Test
    void noStepIsLostWithNotice() {
        long steps = 0;
        for (long seed = 0; seed < SEEDS; seed++) {
            steps += run(seed, false);
        }
        assertThat(steps).as("steps of all runs").isGreaterThan(20L * SEEDS);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void everyRuleIsNecessary(Mutant mutant) {
        Optional<String> broken = Optional.empty();
        for (long seed = 0; seed < 10L * SEEDS && broken.isEmpty(); seed++) {
            broken = violation(seed, seed % 2 == 0, mutant);
        }
        assertThat(broken)
                .as("a run without the rule %s that breaks a promise", mutant)
                .isPresent();
    }

    private static long run(long seed, boolean faulty) {
        try {
            return ProtocolModel.run(seed, faulty, Mutant.NONE);
        } catch (RuntimeException e) {
            throw new AssertionError("seed " + seed + ", faulty " + faulty + ": " + e.getMessage(), e);
        }
    }

    private static Optional<String> violation(long seed, boolean faulty, Mutant mutant) {
        try {
            ProtocolModel.run(seed, faulty, mutant);
            return Optional.empty();
        } catch (Violation e) {
            return Optional.of("seed " + seed + ": " + e.getMessage());
        }
    }
}
