package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.JournalEvent;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JournalTest {
    @Test
    void anEventOfANewerTrainerCountsAsNothing() {
        Journal journal = Journal.empty();
        journal.add("{\"event\":\"formed\",\"at\":10,\"generation\":3,\"step\":7,\"pid\":42,\"why\":\"\"}");
        journal.add("{\"event\":\"teleported\",\"at\":20,\"generation\":4,\"step\":7,\"pid\":42,\"to\":\"moon\"}");

        assertThat(journal.events())
                .extracting(Journal.Event::event)
                .containsExactly(JournalEvent.FORMED, JournalEvent.UNKNOWN);
        assertThat(journal.ended()).isFalse();
        assertThat(MergedHistory.of(Map.of("a", journal)).members(0, 9)).containsExactly("a");
        assertThat(MergedHistory.of(Map.of("a", journal)).formed(4)).isEqualTo(Long.MAX_VALUE);
    }
}
