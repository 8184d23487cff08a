package io.swav.trainer;

/**
 * What a rank says with every step, as one number; the smallest number of all ranks is what all of them do after it.
 * That is the smallest generation, and a save where a rank that says this generation asks for one: who has seen a later
 * world asks again in it.
 *
 * @param generation newest that this rank has seen
 * @param save whether the state after this step is to be saved
 */
record StepVote(long generation, boolean save) {
    long number() {
        return 2 * generation + (save ? 0 : 1);
    }

    static StepVote of(long number) {
        return new StepVote(number >> 1, (number & 1) == 0);
    }
}
