package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.Fingerprints;
import io.swav.api.Shown;
import io.swav.checkpoint.CheckpointCatalog.Owner;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text that others put into a store stands in logs, in messages and in the status: it cannot forge a line there. */
class ShownTextTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"configDigest", "job", "time", "request"})
    void aStateWithControlCharactersIsOfNoTrainer(String field) throws Exception {
        CheckpointCatalog checkpoints = new CheckpointCatalog(FolderStore.open(folder), new Owner("job", "cfg"), 5);
        CheckpointState state = new CheckpointState(1, 8, 31, "cfg", 1, "job", 1, "now", "request", Fingerprints.NONE);
        checkpoints.save(
                new Checkpoint(state, LeaseContract.checkpoint("job", 1).model(), Map.of()));
        Path file = folder.resolve("step-1/state.json");
        String json = Files.readString(file);
        String forged = json.replaceAll(
                "(\"" + field + "\" : \")[^\"]*", "$1a\\\\u001b[31m\\\\n12:00:00.000 INFO forged\\\\u2028\\\\u202e");
        assertThat(forged).isNotEqualTo(json);
        Files.writeString(file, forged);
        Path manifest = folder.resolve("step-1/MANIFEST.json");
        DigestingChannels digests = new DigestingChannels();
        digests.over(Channels.newChannel(OutputStream.nullOutputStream()))
                .write(ByteBuffer.wrap(Files.readAllBytes(file)));
        Map<String, Manifest.ManifestEntry> files =
                new TreeMap<>(Manifest.parse(Files.readAllBytes(manifest)).files());
        files.put("state.json", digests.entry());
        Files.write(manifest, Manifest.of("", files).toJson());

        assertThatThrownBy(
                        () -> new CheckpointCatalog(FolderStore.open(folder), new Owner("job", "cfg"), 5).newest(false))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("step-1 state.json is not the state of step 1")
                .hasMessageNotContaining("forged");
    }

    @Test
    void namesOfFilesAreShownOnOneLine() {
        assertThat(CheckpointException.describe(new FileSystemException("/a\n\u001b[31m/b", null, "full")))
                .isEqualTo("full (/a??[31m/b)");
        assertThat(Shown.plain("tab\tline\u2028order\u202eend")).isEqualTo("tab?line?order?end");
        assertThat(Shown.isPlain("step-7 übrig, ok")).isTrue();
    }
}
