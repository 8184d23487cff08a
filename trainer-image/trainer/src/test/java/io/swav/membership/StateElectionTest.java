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
        for (int rank = 0; rank < offers.size(); rank++) {
            if (rank < election.source()) {
                assertThat(offers.get(rank).step()).as("%s", offers).isLessThan(newest);
            }
            boolean same = offers.get(rank).equals(offers.get(election.source()));
            assertThat(election.outdatedRanks().contains(rank)).as("%s", offers).isEqualTo(!same);
        }
        int outdated = election.outdatedRanks().size();
        assertThat(election.participants()).as("%s", offers).isSorted().hasSize(outdated == 0 ? 0 : outdated + 1);
    }
}
