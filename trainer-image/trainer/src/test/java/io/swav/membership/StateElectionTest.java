package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.membership.StateElection.Offer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StateElectionTest {
    /** Tries every world of one to four ranks with steps −1, 0, 1 and two digests. */
    @Test
    void theNewestStateWinsAndReachesExactlyTheRanksWithoutIt() {
        List<Offer> kinds = new ArrayList<>();
        for (long step : new long[] {-1, 0, 1}) {
            for (long digest : new long[] {5, 6}) {
                kinds.add(new Offer(step, List.of(digest)));
            }
        }
        List<List<Offer>> worlds = new ArrayList<>(List.of(List.of()));
        for (int ranks = 1; ranks <= 4; ranks++) {
            List<List<Offer>> longer = new ArrayList<>();
            for (List<Offer> world : worlds) {
                for (Offer offer : kinds) {
                    List<Offer> next = new ArrayList<>(world);
                    next.add(offer);
                    longer.add(next);
                }
            }
            worlds = longer;
            worlds.forEach(StateElectionTest::check);
        }
    }

    private static void check(List<Offer> offers) {
        StateElection election = StateElection.of(offers);
        long newest = offers.stream().mapToLong(Offer::step).max().orElseThrow();
        assertThat(election.step()).as("%s", offers).isEqualTo(newest);
        Offer winner = offers.get(election.source());
        assertThat(winner.step()).as("%s", offers).isEqualTo(newest);
        for (int rank = 0; rank < offers.size(); rank++) {
            Offer offer = offers.get(rank);
            if (rank < election.source()) {
                assertThat(offer)
                        .as("the source is the lowest that holds it: %s", offers)
                        .isNotEqualTo(winner);
            }
            if (offer.step() == newest) {
                assertThat(holders(offers, winner)).as("%s", offers).isGreaterThanOrEqualTo(holders(offers, offer));
            }
            boolean same = offer.equals(winner);
            assertThat(election.outdatedRanks().contains(rank)).as("%s", offers).isEqualTo(!same);
            assertThat(election.divergedRanks().contains(rank))
                    .as("%s", offers)
                    .isEqualTo(newest >= 0 && !same && offer.step() == newest);
        }
        int outdated = election.outdatedRanks().size();
        assertThat(election.participants()).as("%s", offers).isSorted().hasSize(outdated == 0 ? 0 : outdated + 1);
    }

    private static long holders(List<Offer> offers, Offer of) {
        return offers.stream().filter(of::equals).count();
    }

    @Test
    void betweenTwoTheStateThatAllHaveHeldBeforeWins() {
        Offer flipped = new Offer(25, List.of(6L));
        Offer agreed = new Offer(25, List.of(5L), true);
        StateElection election = StateElection.of(List.of(flipped, agreed));
        assertThat(election.source()).isEqualTo(1);
        assertThat(election.divergedRanks()).containsExactly(0);
        assertThat(election.basis()).isEqualTo(StateElection.Basis.AGREED_BEFORE);
        assertThat(StateElection.of(List.of(flipped, flipped, agreed)).source())
                .as("a majority outweighs what was agreed on before")
                .isZero();
    }

    @Test
    void betweenTwoTheLowestRankWinsOtherwise() {
        StateElection election = StateElection.of(List.of(new Offer(25, List.of(6L)), new Offer(25, List.of(5L))));
        assertThat(election.source()).isZero();
        assertThat(election.divergedRanks()).containsExactly(1);
        assertThat(election.basis()).isEqualTo(StateElection.Basis.LOWEST_RANK);
    }
}
