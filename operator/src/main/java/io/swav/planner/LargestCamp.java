package io.swav.planner;

import java.util.BitSet;
import java.util.List;

/**
 * Decides which members continue if some pairs of them do not reach each other: a world needs a connection between every
 * two. Of all sets without a broken pair it chooses, in this order,
 *
 * <ol>
 *   <li>one with a holder of the training state, if there is any holder;
 *   <li>the largest;
 *   <li>the one with the lowest rank in which two of them differ, so of two equal camps the one with rank 0.
 * </ol>
 *
 * <p>A member without a broken pair always continues. This is a pure function of the graph of broken pairs, in which such
 * a set is a maximum independent set. Finding one takes exponential time in general; graphs of real failures (a few
 * members that no other reaches, a network in two halves) take a few steps. {@link #MAX_STEPS} bounds the search:
 * beyond it ranks are taken in their order, so that the set is free of broken pairs but perhaps not the largest.
 */
final class LargestCamp {
    private static final int MAX_STEPS = 10_000;

    private final List<BitSet> broken;
    private int steps;

    private LargestCamp(List<BitSet> broken) {
        this.broken = broken;
    }

    /**
     * Chooses the members that continue.
     *
     * @param holders ranks that hold the training state
     * @param broken for each rank the ranks with which it has a broken pair; symmetric, and no rank with itself
     * @return their ranks
     */
    static BitSet of(BitSet holders, List<BitSet> broken) {
        return new LargestCamp(broken).choose(holders);
    }

    /** Goes through the ranks, and takes each that a best set can contain together with those taken before. */
    private BitSet choose(BitSet holders) {
        BitSet taken = new BitSet();
        BitSet free = new BitSet();
        free.set(0, broken.size());
        boolean needed = !holders.isEmpty();
        int best = most(taken, free, holders, needed);
        for (int rank = free.nextSetBit(0); rank >= 0; rank = free.nextSetBit(rank + 1)) {
            BitSet with = (BitSet) taken.clone();
            with.set(rank);
            BitSet left = without(free, rank);
            int enough = steps < MAX_STEPS ? best : 0;
            if (broken.get(rank).isEmpty() || most(with, left, holders, needed) >= enough) {
                taken = with;
                free = left;
            } else {
                free.clear(rank);
            }
        }
        return taken;
    }

    /** Returns the size of a largest set that contains {@code taken}, and a holder if {@code needed}; -1 if there is none. */
    private int most(BitSet taken, BitSet free, BitSet holders, boolean needed) {
        if (!needed || taken.intersects(holders)) {
            return taken.cardinality() + independent((BitSet) free.clone());
        }
        BitSet candidates = (BitSet) free.clone();
        candidates.and(holders);
        int most = -1;
        for (int holder = candidates.nextSetBit(0); holder >= 0; holder = candidates.nextSetBit(holder + 1)) {
            most = Math.max(most, taken.cardinality() + 1 + independent(without(free, holder)));
        }
        return most;
    }

    /** Returns {@code free} without this rank and those with which it has a broken pair. */
    private BitSet without(BitSet free, int rank) {
        BitSet left = (BitSet) free.clone();
        left.clear(rank);
        left.andNot(broken.get(rank));
        return left;
    }

    /** Returns the size of a largest set of these ranks without a broken pair. */
    private int independent(BitSet free) {
        int rank = mostBroken(free);
        if (rank < 0) {
            return free.cardinality();
        }
        int simple = simpleToTake(free, degree(free, rank), rank);
        if (simple >= 0 || steps++ >= MAX_STEPS) {
            return 1 + independent(without(free, simple >= 0 ? simple : rank));
        }
        int taken = 1 + independent(without(free, rank));
        free.clear(rank);
        return Math.max(taken, independent(free));
    }

    /**
     * Returns a rank that some largest set contains, or -1 if that takes a search: one with a single broken pair; and if
     * all have two, so that they form rings, any.
     */
    private int simpleToTake(BitSet free, int highestDegree, int rank) {
        for (int each = free.nextSetBit(0); each >= 0; each = free.nextSetBit(each + 1)) {
            if (degree(free, each) == 1) {
                return each;
            }
        }
        return highestDegree == 2 ? rank : -1;
    }

    /** Returns the rank with the most broken pairs among these; -1 if there is no broken pair. */
    private int mostBroken(BitSet free) {
        int found = -1;
        int most = 0;
        for (int rank = free.nextSetBit(0); rank >= 0; rank = free.nextSetBit(rank + 1)) {
            int degree = degree(free, rank);
            if (degree > most) {
                most = degree;
                found = rank;
            }
        }
        return found;
    }

    private int degree(BitSet free, int rank) {
        BitSet pairs = (BitSet) free.clone();
        pairs.and(broken.get(rank));
        return pairs.cardinality();
    }
}
