package io.swav.membership;

import java.util.ArrayList;
import java.util.List;

/**
 * Decides whose state a new world continues from: the newest state wins, and the lowest rank that holds it is the source.
 * This is a pure function of what the ranks offered, so all ranks reach the same result.
 *
 * @param source rank that sends the state
 * @param step global steps applied to the state; {@link #NOTHING} if no rank holds any
 * @param outdatedRanks ranks that must receive the state, ascending: their own has fewer steps or other bits
 */
record StateElection(int source, long step, List<Integer> outdatedRanks) {
    static final long NOTHING = -1;

    /** The state that one rank holds. */
    record Offer(long step, List<Long> digest) {}

    static StateElection of(List<Offer> offers) {
        int source = 0;
        for (int rank = 1; rank < offers.size(); rank++) {
            if (offers.get(rank).step() > offers.get(source).step()) {
                source = rank;
            }
        }
        List<Integer> outdatedRanks = new ArrayList<>();
        for (int rank = 0; rank < offers.size(); rank++) {
            if (!offers.get(rank).equals(offers.get(source))) {
                outdatedRanks.add(rank);
            }
        }
        return new StateElection(source, offers.get(source).step(), List.copyOf(outdatedRanks));
    }

    /** Returns the ranks that take part in the broadcast, ascending; empty if no rank is outdated. */
    int[] participants() {
        List<Integer> all = new ArrayList<>(outdatedRanks);
        if (!outdatedRanks.isEmpty()) {
            all.add(source);
        }
        return all.stream().mapToInt(Integer::intValue).sorted().toArray();
    }
}
