package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class WorkProgressTest {
    @Test
    void printsALineEveryTenSecondsWithoutATerminal() {
        AtomicLong nanos = new AtomicLong(5);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        try (WorkProgress progress = new WorkProgress.ProgressLines(
                "packing", 4000, "images", new PrintStream(said, true, StandardCharsets.UTF_8), nanos::get)) {
            for (int second = 1; second <= 40; second++) {
                nanos.addAndGet(1_000_000_000L);
                progress.advance(100);
            }
        }
        assertThat(said.toString(StandardCharsets.UTF_8).lines())
                .containsExactly(
                        "packing: 1,000 of 4,000 images, 100.0/s, 30 s left",
                        "packing: 2,000 of 4,000 images, 100.0/s, 20 s left",
                        "packing: 3,000 of 4,000 images, 100.0/s, 10 s left");
    }
}
