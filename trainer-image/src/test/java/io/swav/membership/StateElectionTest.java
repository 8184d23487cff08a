package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.membership.StateElection.Offer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StateElectionTest {
    /** Every world of one to four ranks over steps −1, 0, 1 and two digests. */
    @Test
    void theNewestStateWinsAndReachesExactlyThoseWithoutIt() {
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
        StateElection agreement = StateElection.of(offers);
        long newest = offers.stream().mapToLong(Offer::step).max().orElseThrow();
        assertThat(agreement.step()).as("%s", offers).isEqualTo(newest);
        for (int rank = 0; rank < offers.size(); rank++) {
            if (rank < agreement.source()) {
                assertThat(offers.get(rank).step()).as("%s", offers).isLessThan(newest);
            }
            boolean same = offers.get(rank).equals(offers.get(agreement.source()));
            assertThat(agreement.behind().contains(rank)).as("%s", offers).isEqualTo(!same);
        }
        int behind = agreement.behind().size();
        assertThat(agreement.party()).as("%s", offers).isSorted().hasSize(behind == 0 ? 0 : behind + 1);
    }
}
