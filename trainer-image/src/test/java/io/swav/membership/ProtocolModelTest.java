package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.membership.ProtocolModel.Mutant;
import io.swav.membership.ProtocolModel.Violation;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol keeps its promises over thousands of interleavings, and breaks them without any one of its rules. */
class ProtocolModelTest {
    private static final int SEEDS = Integer.getInteger("swav.model.seeds", 1000);

    @Test
    void thePromisesHoldWhateverFails() {
        long steps = 0;
        for (long seed = 0; seed < SEEDS; seed++) {
            steps += run(seed, true);
        }
        assertThat(steps).as("steps of all runs").isGreaterThan(20L * SEEDS);
    }

    /**
     * A rank fails after it has sent its offers, or more, and calls again: one that took them waits for a second, which
     * waits for a third, which waits for the first.
     */
    @ParameterizedTest
    @ValueSource(longs = {2088, 2161, 7241, 7650, 8454, 8945, 9822, 11697})
    void nobodyWaitsForWhoHasCalledAgain(long seed) {
        assertThat(run(seed, true)).isPositive();
    }

    @Test
    void withNoticeNoStepIsLost() {
        long steps = 0;
        for (long seed = 0; seed < SEEDS; seed++) {
            steps += run(seed, false);
        }
        assertThat(steps).as("steps of all runs").isGreaterThan(20L * SEEDS);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void everyRuleIsNeeded(Mutant mutant) {
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
