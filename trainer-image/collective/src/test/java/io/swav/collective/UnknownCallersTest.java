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
        boolean spared;

        Caller(String address, boolean spared) {
            this.address = address;
            this.spared = spared;
        }
    }

    private final UnknownCallers<Caller> callers =
            new UnknownCallers<>(caller -> caller.address, caller -> caller.spared);

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
    void aSparedCallerStaysWhileStrangersCome() {
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
    void newcomersStayWhileTheOthersOfTheirTurnCome() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            UnknownCallers<Caller> pool = new UnknownCallers<>(caller -> caller.address, caller -> caller.spared);
            int addresses = 1 + random.nextInt(300);
            for (int nth = 0; nth < 1000; nth++) {
                pool.add(new Caller("address-" + random.nextInt(addresses), false));
            }
            for (int nth = 0; nth < UnknownCallers.PLACES_OF_ADDRESS / 2; nth++) {
                Optional<Caller> leaving = pool.add(new Caller("address-" + random.nextInt(addresses), true));
                assertThat(leaving.filter(caller -> caller.spared))
                        .as("seed %d", seed)
                        .isEmpty();
            }
        }
    }

    @Test
    void limitsHoldWhateverComes() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            UnknownCallers<Caller> pool = new UnknownCallers<>(caller -> caller.address, caller -> caller.spared);
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
