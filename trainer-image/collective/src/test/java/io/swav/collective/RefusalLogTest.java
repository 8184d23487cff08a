package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RefusalLogTest {
    private final List<String> lines = new ArrayList<>();
    private final RefusalLog log = new RefusalLog(lines::add);

    @Test
    void logsAnAddressOnceAMinuteWithACount() {
        for (int second = 0; second < 150; second++) {
            log.refused("10.0.0.7", "no key", nanos(second));
        }
        log.refused("10.0.0.8", "another protocol", nanos(150));
        log.flush(nanos(1000));
        assertThat(lines)
                .containsExactly(
                        "refused a connection from 10.0.0.7: no key",
                        "refused 59 more connections from 10.0.0.7 within 60 s; the last: no key",
                        "refused 60 more connections from 10.0.0.7 within 60 s; the last: no key",
                        "refused a connection from 10.0.0.8: another protocol",
                        "refused 30 more connections from 10.0.0.7 within 880 s; the last: no key");
    }

    @Test
    void logsAnAddressAnewAfterAQuietMinute() {
        log.refused("10.0.0.7", "no key", nanos(0));
        log.refused("10.0.0.7", "no key", nanos(61));
        assertThat(lines).hasSize(2).containsOnly("refused a connection from 10.0.0.7: no key");
    }

    @Test
    void countsManyAddressesTogether() {
        for (int address = 0; address < 100_000; address++) {
            log.refused("address " + address, "no key", nanos(0));
        }
        log.flush(nanos(61));
        assertThat(lines).hasSizeLessThan(300).anyMatch(line -> line.contains("more connections from other addresses"));
    }

    private static long nanos(int seconds) {
        return Duration.ofSeconds(seconds).toNanos();
    }
}
