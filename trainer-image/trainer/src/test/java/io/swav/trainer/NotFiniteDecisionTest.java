package io.swav.trainer;

import static io.swav.trainer.NotFiniteDecision.FAIL;
import static io.swav.trainer.NotFiniteDecision.REPAIR;
import static io.swav.trainer.NotFiniteDecision.RESUME;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.trainer.NotFiniteDecision.RankFacts;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Enumerates what two ranks may tell each other about step 12. */
class NotFiniteDecisionTest {
    private static final long STEP = 12;

    private static List<RankFacts> factss(long committed, boolean hasStore) {
        List<RankFacts> factss = new ArrayList<>();
        for (long failedAt : new long[] {-1, 5, 12, 20}) {
            for (long repairedAt : new long[] {-1, 5, 12}) {
                for (boolean finite : new boolean[] {true, false}) {
                    factss.add(new RankFacts(failedAt, repairedAt, finite, committed, hasStore));
                }
            }
        }
        return factss;
    }

    @Test
    void everyPairOfRanksDecidesByTheRules() {
        int cases = 0;
        for (boolean hasStore : new boolean[] {true, false}) {
            for (long committed : hasStore ? new long[] {-1, 0, 5, 6, 12} : new long[] {0}) {
                List<RankFacts> factss = factss(committed, hasStore);
                for (RankFacts one : factss) {
                    for (RankFacts other : factss) {
                        check(List.of(one, other));
                        cases++;
                    }
                }
            }
        }
        assertThat(cases).isEqualTo(6 * 24 * 24);
    }

    private static void check(List<RankFacts> ranks) {
        NotFiniteDecision decision = NotFiniteDecision.of(STEP, ranks);
        boolean oneIsWhole = ranks.get(0).stateIsFinite() != ranks.get(1).stateIsFinite();
        boolean repaired = ranks.stream().anyMatch(rank -> rank.repairedAt() >= STEP);
        assertThat(decision == REPAIR)
                .as("state is taken from another rank while one has it, once for a step: %s", ranks)
                .isEqualTo(oneIsWhole && !repaired);
        if (decision != REPAIR) {
            long failedAt = Math.max(ranks.get(0).failedAt(), ranks.get(1).failedAt());
            boolean hasStore = ranks.get(0).hasStore();
            boolean passed = ranks.get(0).committed() > failedAt;
            assertThat(decision)
                    .as("one resume, and another after a checkpoint beyond the last failure: %s", ranks)
                    .isEqualTo(hasStore && (failedAt < 0 || passed) ? RESUME : FAIL);
        }
        List<RankFacts> reversed = new ArrayList<>(ranks);
        Collections.reverse(reversed);
        assertThat(NotFiniteDecision.of(STEP, reversed))
                .as("the order does not matter: %s", ranks)
                .isEqualTo(decision);
    }

    @Test
    void aNewcomerThatRemembersNothingChangesNothing() {
        RankFacts newcomer = new RankFacts(-1, -1, true, -1, true);
        for (RankFacts one : factss(6, true)) {
            if (one.stateIsFinite()) {
                assertThat(NotFiniteDecision.of(STEP, List.of(newcomer, one)))
                        .isEqualTo(NotFiniteDecision.of(STEP, List.of(one)));
            }
        }
    }

    @Test
    void noFailureIsFollowedByMoreThanOneResumeWithoutANewCheckpoint() {
        long failedAt = -1;
        long committed = 10;
        int resumes = 0;
        for (long step = 12; step < 200; step++) {
            if (NotFiniteDecision.of(step, List.of(new RankFacts(failedAt, -1, true, committed, true))) == RESUME) {
                failedAt = Math.max(failedAt, step);
                resumes++;
            }
        }
        assertThat(resumes).isEqualTo(1);
    }
}
