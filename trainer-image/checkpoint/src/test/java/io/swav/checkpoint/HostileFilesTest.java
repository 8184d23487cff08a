package io.swav.checkpoint;

import static io.swav.checkpoint.CheckpointsContract.checkpoint;
import static org.assertj.core.api.Assertions.assertThat;

import io.swav.checkpoint.CheckpointCatalog.Owner;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mutates the files of a checkpoint at random, by a seed: bytes, and parts of JSON. {@code -Dswav.fuzz=10000} sets the
 * number of rounds.
 */
@Timeout(3600)
class HostileFilesTest {
    private static final int ROUNDS = Integer.getInteger("swav.fuzz", 300);
    private static final long SEED = 31;
    /** Texts that are likely to be taken for something else. */
    private static final List<String> WORDS = List.of(
            "null",
            "-1",
            "0",
            "9223372036854775807",
            "-9223372036854775808",
            "1e999",
            "99999999999999999999",
            "NaN",
            "[]",
            "{}",
            "\"\"",
            "\"..\"",
            "true",
            "[".repeat(5000),
            "{\"a\":".repeat(2000),
            "\"\\u0000\"",
            "1.5");

    @TempDir
    Path folder;

    private final SplittableRandom random = new SplittableRandom(SEED);

    @Test
    void mutatedSafetensorsAreReadOrRefused() throws IOException {
        Path file = folder.resolve("x.safetensors");
        Safetensors.write(file, checkpoint(3, 1).model(), Map.of("format", "pt"));
        byte[] whole = Files.readAllBytes(file);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] mutated = round % 2 == 0 ? bytes(whole) : safetensors(whole);
            Files.write(file, mutated);
            try {
                assertThat(Safetensors.read(file)).isNotNull();
            } catch (CorruptCheckpointException e) {
                assertRefusal(round, String.valueOf(e.getMessage()), "x.safetensors");
            }
        }
    }

    /** Replaces words of the header, and states its new length. */
    private byte[] safetensors(byte[] whole) {
        int length = (whole[0] & 0xff) | ((whole[1] & 0xff) << 8);
        byte[] header = json(Arrays.copyOfRange(whole, 8, 8 + length));
        byte[] mutated = new byte[8 + header.length + whole.length - 8 - length];
        for (int i = 0; i < 4; i++) {
            mutated[i] = (byte) (header.length >> (8 * i));
        }
        System.arraycopy(header, 0, mutated, 8, header.length);
        System.arraycopy(whole, 8 + length, mutated, 8 + header.length, whole.length - 8 - length);
        return mutated;
    }

    @Test
    void mutatedManifestsArePassedOver() throws Exception {
        save();
        Path manifest = folder.resolve("step-2/MANIFEST.json");
        byte[] whole = Files.readAllBytes(manifest);
        for (int round = 0; round < ROUNDS; round++) {
            byte[] mutated = round % 2 == 0 ? bytes(whole) : json(whole);
            Files.write(manifest, mutated);
            assertPassedOver(round, Arrays.equals(mutated, whole));
        }
    }

    /** Its digest in the manifest is right, so that the values are looked at. */
    @Test
    void mutatedStatesArePassedOver() throws Exception {
        save();
        Path state = folder.resolve("step-2/state.json");
        Path manifest = folder.resolve("step-2/MANIFEST.json");
        byte[] whole = Files.readAllBytes(state);
        Manifest good = Manifest.parse(Files.readAllBytes(manifest));
        for (int round = 0; round < ROUNDS; round++) {
            byte[] mutated = round % 2 == 0 ? bytes(whole) : json(whole);
            Files.write(state, mutated);
            DigestingChannels digests = new DigestingChannels();
            digests.over(new NullChannel()).write(ByteBuffer.wrap(mutated));
            Map<String, Manifest.ManifestEntry> files = new TreeMap<>(good.files());
            files.put("state.json", digests.entry());
            Files.write(manifest, Manifest.of("", files).toJson());
            CheckpointCatalog.CatalogEntry entry = catalog().catalogue(true).get(0);
            assertPassedOver(round, entry.verified());
        }
    }

    private void save() throws CheckpointException {
        catalog().save(checkpoint(1, 1));
        catalog().save(checkpoint(2, 1));
    }

    private CheckpointCatalog catalog() {
        return new CheckpointCatalog(FolderStore.open(folder), new Owner("job", "cfg"), 5);
    }

    private void assertPassedOver(int round, boolean good) throws Exception {
        long newest = catalog().newest(false).orElseThrow().state().step();
        assertThat(newest).as("seed %d, round %d", SEED, round).isEqualTo(good ? 2 : 1);
        CheckpointCatalog.CatalogEntry entry = catalog().catalogue(true).get(0);
        if (!good) {
            assertRefusal(round, entry.problem().orElseThrow(), "");
        }
    }

    private static void assertRefusal(int round, String message, String name) {
        assertThat(message)
                .as("seed %d, round %d", SEED, round)
                .isNotBlank()
                .contains(name)
                .hasSizeLessThan(1000);
    }

    private byte[] bytes(byte[] whole) {
        byte[] mutated = whole.clone();
        int changes = 1 + random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
        }
        return random.nextInt(10) == 0 ? Arrays.copyOf(mutated, random.nextInt(mutated.length)) : mutated;
    }

    /** Replaces a number or a string by another word. */
    private byte[] json(byte[] whole) {
        String text = new String(whole, StandardCharsets.UTF_8);
        List<int[]> values = Pattern.compile("-?\\d+|\"[^\"]*\"")
                .matcher(text)
                .results()
                .map(match -> new int[] {match.start(), match.end()})
                .toList();
        int[] value = values.get(random.nextInt(values.size()));
        String word = WORDS.get(random.nextInt(WORDS.size()));
        return (text.substring(0, value[0]) + word + text.substring(value[1])).getBytes(StandardCharsets.UTF_8);
    }

    private static final class NullChannel implements WritableByteChannel {
        @Override
        public int write(ByteBuffer bytes) {
            int all = bytes.remaining();
            bytes.position(bytes.limit());
            return all;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {}
    }
}
