package io.swav.membership;

import java.util.ArrayList;
import java.util.List;

/**
 * Whose state goes on when a world forms: the newest wins, its lowest rank is the source. A pure function of what the
 * ranks offered, so that all reach the same answer.
 *
 * @param source rank that holds the state
 * @param step global steps applied in it; {@link #NOTHING} when nobody holds any
 * @param behind ranks that must receive it, ascending: fewer steps, or other bits
 */
record StateElection(int source, long step, List<Integer> behind) {
    static final long NOTHING = -1;

    /** What one rank holds. */
    record Offer(long step, List<Long> digest) {}

    static StateElection of(List<Offer> offers) {
        int source = 0;
        for (int rank = 1; rank < offers.size(); rank++) {
            if (offers.get(rank).step() > offers.get(source).step()) {
                source = rank;
            }
        }
        List<Integer> behind = new ArrayList<>();
        for (int rank = 0; rank < offers.size(); rank++) {
            if (!offers.get(rank).equals(offers.get(source))) {
                behind.add(rank);
            }
        }
        return new StateElection(source, offers.get(source).step(), List.copyOf(behind));
    }

    /** Ranks of the broadcast, ascending; empty when nobody is behind. */
    int[] party() {
        List<Integer> all = new ArrayList<>(behind);
        if (!behind.isEmpty()) {
            all.add(source);
        }
        return all.stream().mapToInt(Integer::intValue).sorted().toArray();
    }
}
