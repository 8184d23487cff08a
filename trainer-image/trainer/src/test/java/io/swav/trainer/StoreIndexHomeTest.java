package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.Store;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreIndexHomeTest {
    @TempDir
    private Path folder;

    @Test
    void keepsFilesBesideCheckpoints() throws IOException {
        Path from = Files.writeString(folder.resolve("from"), "an index");
        Path to = folder.resolve("to");
        try (Store store = FolderStore.open(folder.resolve("store"))) {
            store.prepare();
            StoreIndexHome home = new StoreIndexHome(store, "a");
            assertThat(home.fetch("x", to)).isFalse();
            assertThat(home.read("x")).isEmpty();
            home.store("x", from);
            assertThat(home.fetch("x", to)).isTrue();
            assertThat(to).hasContent("an index");

            byte[] claim = "me 1".getBytes(StandardCharsets.UTF_8);
            home.write("x.building", claim);
            home.write("x.building", "me 2".getBytes(StandardCharsets.UTF_8));
            assertThat(new StoreIndexHome(store, "b").read("x.building"))
                    .hasValueSatisfying(content ->
                            assertThat(content).asString(StandardCharsets.UTF_8).isEqualTo("me 2"));
            assertThat(store.names()).as("it is no checkpoint").isEmpty();
            home.remove("x");
            home.remove("x");
            assertThat(home.read("x")).isEmpty();
        }
    }
}
