package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class JournalEventTest {
    @Test
    void journalsOfOlderTrainersRemainReadable() throws JsonProcessingException {
        String written =
                "[\"formed\",\"dropped\",\"notice\",\"left\",\"resumed\",\"done\",\"diverged\",\"regrouped\",\"grown\"]";
        List<JournalEvent> events = List.of(
                JournalEvent.FORMED,
                JournalEvent.DROPPED,
                JournalEvent.NOTICE,
                JournalEvent.LEFT,
                JournalEvent.RESUMED,
                JournalEvent.DONE,
                JournalEvent.DIVERGED,
                JournalEvent.REGROUPED,
                JournalEvent.GROWN);
        ObjectMapper json = new ObjectMapper();

        assertThat(json.writeValueAsString(events)).isEqualTo(written);
        assertThat(json.readValue(written, JournalEvent[].class)).containsExactlyElementsOf(events);
    }
}
