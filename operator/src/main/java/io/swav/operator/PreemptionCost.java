package io.swav.operator;

import io.swav.api.World;
import java.time.Duration;
import java.time.Instant;

/**
 * Says what it would cost a job to lose a pod, for those who choose which pods have to go: the disruption of Karpenter and
 * other users of {@code controller.kubernetes.io/pod-deletion-cost} (KEP-2255), and Kueue's preemption (KEP-7990). A trainer
 * that leaves with notice costs no step; what is at stake is that all members go at once, and the job resumes from its last
 * checkpoint.
 *
 * @param age how much would be lost then, from 0 to {@value #OLDEST}: one for each doubling of the checkpoint's age from five
 *     minutes on
 */
record PreemptionCost(int age) {
    static final int OLDEST = 5;
    /** Karpenter adds the cost divided by 2^27 to 1 for each pod of a node. */
    static final int UNIT = 1 << 27;

    private static final Duration FRESH = Duration.ofMinutes(5);
    private static final int OF_MEMBER = 1;
    private static final int OF_LAST_MEMBERS = 2;

    /**
     * Returns the cost of a job.
     *
     * @param saved time of the newest checkpoint that it can resume from, or of its start if it has none
     */
    static PreemptionCost since(Instant saved, Instant now) {
        int age = 0;
        for (Duration limit = FRESH; age < OLDEST && !now.isBefore(saved.plus(limit)); limit = limit.multipliedBy(2)) {
            age++;
        }
        return new PreemptionCost(age);
    }

    /**
     * Returns the value for a pod: 0 for one that is not in the world, more for a member, and most if the job stops without
     * it. The lowest goes first.
     *
     * @param min members without which the job does not train
     */
    int ofPod(String uid, World world, int min) {
        if (world.rankOf(uid).isEmpty()) {
            return 0;
        }
        return UNIT * (OF_MEMBER + age + (world.size() <= min ? OF_LAST_MEMBERS : 0));
    }
}
