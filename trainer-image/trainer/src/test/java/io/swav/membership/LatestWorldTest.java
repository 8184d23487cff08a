package io.swav.membership;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
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

    @Test
    void noDocumentKeepsATrainerFromTheNextGoodWorld() {
        LatestWorld newest = new LatestWorld("job");
        long generation = 1;
        newest.offer(world(generation, "127.0.0.1:7000"), "test");
        for (String nonsense : List.of(
                world(9223372036854775807L, "127.0.0.1:7000"),
                world(900_000_000, "127.0.0.1:7000"),
                world(5, "127.0.0.1:99999"),
                world(5, ""),
                world(0, "127.0.0.1:7000"),
                json(9, "another"),
                "the world is fine",
                "null",
                "",
                "[".repeat(100_000))) {
            newest.offer(nonsense, "test");
            assertThat(newest.get().generation())
                    .as(newest.problem().toString())
                    .isEqualTo(generation);
            assertThat(newest.problem()).get().asString().startsWith("test is ignored");
            generation++;
            newest.offer(world(generation, "127.0.0.1:7000"), "test");
            assertThat(newest.get().generation()).isEqualTo(generation);
            assertThat(newest.problem()).isEmpty();
        }
    }

    @Test
    void reportsAGenerationThatWentBackOrChanged() {
        LatestWorld newest = new LatestWorld("job");
        newest.offer(world(7, "127.0.0.1:7000"), "test");
        newest.offer(world(6, "127.0.0.1:7000"), "test");
        assertThat(newest.problem()).get().asString().contains("generation 6 is older than generation 7");
        newest.offer(world(7, "127.0.0.1:7000"), "test");
        assertThat(newest.problem()).isEmpty();
        newest.offer(world(7, "127.0.0.1:7001"), "test");
        assertThat(newest.problem()).get().asString().contains("it has changed generation 7");
        assertThat(newest.get().members().get(0).address()).isEqualTo("127.0.0.1:7000");
        newest.offer(world(8, "127.0.0.1:7001"), "test");
        assertThat(newest.get().generation()).isEqualTo(8);
    }

    @Test
    void refusesWorldsThatTheJobHasNoWorkFor() {
        LatestWorld newest = new LatestWorld("job");
        newest.offer(world(7, "127.0.0.1:7000", "127.0.0.1:7001"), "test");
        assertThat(newest.get().size()).isEqualTo(2);
        newest.limit(1);
        assertThat(newest.get().generation())
                .as("accepted before the limit was known")
                .isZero();
        assertThat(newest.problem()).get().asString().contains("names 2 members, but the job has work for 1");
        newest.offer(world(7, "127.0.0.1:7000", "127.0.0.1:7001"), "test");
        assertThat(newest.get().generation()).isZero();
        newest.offer(world(8, "127.0.0.1:7000"), "test");
        assertThat(newest.get().generation()).isEqualTo(8);
        assertThat(newest.problem()).isEmpty();
    }

    @Test
    void reportsAFileThatCannotBeRead() throws Exception {
        Path file = folder.resolve("world.json");
        Files.createDirectory(file);
        try (FileWorldSource source = new FileWorldSource(file, "job")) {
            Awaitility.await().until(() -> source.problem().isPresent());
            Files.delete(file);
            Files.write(file, new byte[5 << 20]);
            Awaitility.await()
                    .untilAsserted(
                            () -> assertThat(source.problem()).get().asString().contains("more than 4194304 bytes"));
            Files.write(file, new byte[] {(byte) 0xff, (byte) 0xfe, 0});
            Awaitility.await()
                    .untilAsserted(
                            () -> assertThat(source.problem()).get().asString().contains("cannot be read"));
            Files.writeString(file, world(1, "127.0.0.1:7000"));
            Awaitility.await().until(() -> source.newest().generation() == 1);
            assertThat(source.problem()).isEmpty();
        }
    }

    private static String world(long generation, String... addresses) {
        String members = IntStream.range(0, addresses.length)
                .mapToObj(
                        i -> "{\"pod\": \"p%d\", \"uid\": \"u%d\", \"address\": \"%s\"}".formatted(i, i, addresses[i]))
                .collect(Collectors.joining(", "));
        return "{\"generation\": %d, \"job\": \"job\", \"members\": [%s]}".formatted(generation, members);
    }

    private static String json(long generation, String job) {
        return "{\"generation\": %d, \"job\": \"%s\", \"members\": [], \"why\": \"test\"}".formatted(generation, job);
    }
}
