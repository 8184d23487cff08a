package io.swav.trainer;

/**
 * A rank's vote for the end of this step, packed into one long. The minimum over all ranks is the decision: the oldest
 * generation any rank has seen, and a save if a rank at that generation asked for one. A rank that has seen a later
 * world asks again in that world. {@code RankReduction} takes the minimum, in the message of Sinkhorn's first reduction.
 *
 * @param generation newest generation that this rank has seen
 * @param save whether the state after this step should be saved
 */
record StepVote(long generation, boolean save) {
    long number() {
        return 2 * generation + (save ? 0 : 1);
    }

    static StepVote of(long number) {
        return new StepVote(number >> 1, (number & 1) == 0);
    }
}
