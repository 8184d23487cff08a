package io.swav.membership;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * Decides whose state a new world continues from: the newest state wins. If its holders do not hold the same bits, the
 * most common state among them wins; of states that are equally common, one that all members of a world have held; and
 * otherwise that of the lowest rank. This is a pure function of what the ranks offered, so all ranks reach the same result.
 *
 * @param source rank that sends the state, the lowest that holds it
 * @param step global steps applied to the state; {@link #NOTHING} if no rank holds any
 * @param outdatedRanks ranks that must receive the state, ascending: their own has fewer steps or other bits
 * @param divergedRanks those among them whose own state has as many steps, ascending
 * @param basis why this state was believed, if ranks diverged
 */
record StateElection(int source, long step, List<Integer> outdatedRanks, List<Integer> divergedRanks, Basis basis) {
    static final long NOTHING = -1;

    /** Why one of several states of the same step was believed. */
    enum Basis {
        MAJORITY,
        AGREED_BEFORE,
        LOWEST_RANK
    }

    /**
     * The state that one rank holds.
     *
     * @param agreed whether all members of a world have held this state
     */
    record Offer(long step, List<Long> digest, boolean agreed) {
        Offer(long step, List<Long> digest) {
            this(step, digest, false);
        }

        boolean isSameState(Offer other) {
            return step == other.step && digest.equals(other.digest);
        }
    }

    static StateElection of(List<Offer> offers) {
        long newest = offers.stream().mapToLong(Offer::step).max().orElse(NOTHING);
        List<Integer> holders = ranks(offers, offer -> offer.step() == newest);
        int most = holders.stream()
                .mapToInt(rank -> supporters(offers, rank))
                .max()
                .orElse(0);
        List<Integer> leading = holders.stream()
                .filter(rank -> supporters(offers, rank) == most)
                .toList();
        List<Integer> agreed =
                leading.stream().filter(rank -> isAgreed(offers, rank)).toList();
        int source = (agreed.isEmpty() ? leading : agreed).stream().findFirst().orElse(0);
        Set<List<Long>> states = new HashSet<>();
        leading.forEach(rank -> states.add(offers.get(rank).digest()));
        Basis tie = agreed.isEmpty() ? Basis.LOWEST_RANK : Basis.AGREED_BEFORE;
        Offer winner = offers.get(source);
        return new StateElection(
                lowest(offers, source),
                newest,
                ranks(offers, offer -> !offer.isSameState(winner)),
                newest == NOTHING
                        ? List.of()
                        : ranks(offers, offer -> offer.step() == newest && !offer.isSameState(winner)),
                states.size() == 1 ? Basis.MAJORITY : tie);
    }

    private static int lowest(List<Offer> offers, int holder) {
        return ranks(offers, offer -> offer.isSameState(offers.get(holder))).get(0);
    }

    private static int supporters(List<Offer> offers, int rank) {
        return ranks(offers, offer -> offer.isSameState(offers.get(rank))).size();
    }

    private static boolean isAgreed(List<Offer> offers, int rank) {
        return offers.stream().anyMatch(offer -> offer.agreed() && offer.isSameState(offers.get(rank)));
    }

    private static List<Integer> ranks(List<Offer> offers, Predicate<Offer> which) {
        return IntStream.range(0, offers.size())
                .filter(rank -> which.test(offers.get(rank)))
                .boxed()
                .toList();
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
