package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class UnknownCallersTest {
    private static final class Caller {
        final String address;
        boolean namesUid;

        Caller(String address, boolean namesUid) {
            this.address = address;
            this.namesUid = namesUid;
        }
    }

    private final UnknownCallers<Caller> callers = new UnknownCallers<>(caller -> caller.address, c -> c.namesUid);

    @Test
    void anAddressThatIsFullGivesUpItsOldest() {
        Caller oldest = new Caller("here", false);
        callers.add(oldest);
        Caller elsewhere = new Caller("there", false);
        callers.add(elsewhere);
        for (int nth = 1; nth < UnknownCallers.PLACES_OF_ADDRESS; nth++) {
            assertThat(callers.add(new Caller("here", false))).isEmpty();
        }
        assertThat(callers.add(new Caller("here", false))).contains(oldest);
    }

    /** However many addresses the strangers have. */
    @Test
    void aMemberThatHasNamedTheUidStaysWhileStrangersCome() {
        Caller member = new Caller("node", true);
        callers.add(member);
        for (int nth = 0; nth < 5000; nth++) {
            assertThat(callers.add(new Caller("stranger-" + nth % 2000, false))).isNotEqualTo(Optional.of(member));
        }
        for (int nth = 0; nth < 5000; nth++) {
            assertThat(callers.add(new Caller("node", false))).isNotEqualTo(Optional.of(member));
        }
    }

    /** So a caller is read at least once before it may have to go. */
    @Test
    void aNewcomerStaysWhileOthersOfOneRoundOfAcceptingCome() {
        for (int nth = 0; nth < UnknownCallers.PLACES; nth++) {
            callers.add(new Caller("stranger-" + nth % 2, false));
        }
        Caller newcomer = new Caller("stranger-0", false);
        callers.add(newcomer);
        for (int nth = 0; nth < UnknownCallers.PLACES_OF_ADDRESS / 2; nth++) {
            assertThat(callers.add(new Caller("stranger-" + nth % 2, false))).isNotEqualTo(Optional.of(newcomer));
        }
    }

    @Test
    void limitsHoldWhateverComes() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            UnknownCallers<Caller> pool = new UnknownCallers<>(caller -> caller.address, c -> c.namesUid);
            Set<Caller> inside = new LinkedHashSet<>();
            int addresses = 1 + random.nextInt(300);
            for (int step = 0; step < 1500; step++) {
                Caller caller = new Caller("address-" + random.nextInt(addresses), random.nextInt(10) == 0);
                Optional<Caller> leaving = pool.add(caller);
                leaving.ifPresent(gone -> assertThat(inside.remove(gone)).isTrue());
                inside.add(caller);
                if (random.nextInt(5) == 0) {
                    Caller done = List.copyOf(inside).get(random.nextInt(inside.size()));
                    pool.remove(done);
                    inside.remove(done);
                }
                assertThat(inside).as("seed %d", seed).hasSizeLessThanOrEqualTo(UnknownCallers.PLACES);
                assertThat(inside.stream().filter(other -> other.address.equals(caller.address)))
                        .as("seed %d", seed)
                        .hasSizeLessThanOrEqualTo(UnknownCallers.PLACES_OF_ADDRESS);
            }
        }
    }
}
