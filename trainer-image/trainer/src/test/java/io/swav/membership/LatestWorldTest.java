package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LatestWorldTest {
    @TempDir
    Path folder;

    @Test
    void acceptsOnlyALaterWorldOfTheSameJob() {
        LatestWorld newest = new LatestWorld("job");
        newest.offer(json(3, "job"), "test");
        newest.offer(json(2, "job"), "test");
        newest.offer(json(9, "another"), "test");
        newest.offer("{\"generation\": 9, \"mem", "test");
        newest.offer("[]", "test");
        newest.offer("{\"generation\": 9}", "test");
        newest.offer("null", "test");
        assertThat(newest.get().generation()).isEqualTo(3);
        newest.offer(json(4, "job"), "test");
        assertThat(newest.get().generation()).isEqualTo(4);
    }

    @Test
    void readsAFileThatAppearsLaterAndChanges() throws Exception {
        Path file = folder.resolve("world.json");
        try (FileWorldSource source = new FileWorldSource(file, "job")) {
            assertThat(source.newest().generation()).isZero();
            Files.writeString(file, json(1, "job"));
            source.awaitLater(0, 30_000);
            assertThat(source.newest().generation()).isEqualTo(1);
            Files.writeString(file, "garbage");
            Files.writeString(file, json(2, "job"));
            Awaitility.await().until(() -> source.newest().generation() == 2);
        }
    }

    private static String json(long generation, String job) {
        return "{\"generation\": %d, \"job\": \"%s\", \"members\": [], \"why\": \"test\"}".formatted(generation, job);
    }
}
