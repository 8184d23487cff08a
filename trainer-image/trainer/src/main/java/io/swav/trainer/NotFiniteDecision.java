package io.swav.trainer;

import java.util.List;

/**
 * Says what all ranks do about a step that was not finite twice, or a last state that is not finite. It is a pure
 * function of facts that all ranks have gathered from one another, so all of them reach the same result.
 */
enum NotFiniteDecision {
    /** The ranks whose state is not finite take that of the others. */
    REPAIR,
    /** All ranks drop their state and resume from the newest checkpoint that is finite. */
    RESUME,
    /** The job cannot be trained like this: all trainers end. */
    FAIL;

    /**
     * Says what one rank knows.
     *
     * @param failedAt highest step whose failure it remembers to have been followed by {@link #RESUME}; −1 for none
     * @param repairedAt highest step whose failure it remembers to have been followed by {@link #REPAIR}; −1 for none
     * @param stateIsFinite whether the state in its memory is finite
     * @param committed step of the newest checkpoint that it knows, 0 or less for none
     * @param hasStore whether the job keeps checkpoints
     */
    record RankFacts(long failedAt, long repairedAt, boolean stateIsFinite, long committed, boolean hasStore) {}

    /**
     * Decides. One resume is enough for one place: the same weights, samples and crops would give the same step again.
     * Another is worth its cost after a checkpoint beyond that place was saved.
     *
     * @param step global steps applied when the failure was found
     * @param ranks in the order of ranks
     */
    static NotFiniteDecision of(long step, List<RankFacts> ranks) {
        boolean someFinite = ranks.stream().anyMatch(RankFacts::stateIsFinite);
        boolean allFinite = ranks.stream().allMatch(RankFacts::stateIsFinite);
        boolean repaired = ranks.stream().anyMatch(rank -> rank.repairedAt() >= step);
        if (someFinite && !allFinite && !repaired) {
            return REPAIR;
        }
        long failedAt = ranks.stream().mapToLong(RankFacts::failedAt).max().orElse(-1);
        long committed = ranks.stream().mapToLong(RankFacts::committed).max().orElse(0);
        boolean again = failedAt >= 0 && committed <= failedAt;
        return again || ranks.stream().noneMatch(RankFacts::hasStore) ? FAIL : RESUME;
    }
}
