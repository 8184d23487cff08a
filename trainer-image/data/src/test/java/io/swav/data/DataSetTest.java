package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSetTest {
    private static final Path TOO_LONG = Path.of("x".repeat(300));

    @TempDir
    private Path folder;

    @Test
    void readsShardsInOrderOfNamesWithLabels() throws IOException {
        shards(folder, 25, 10);

        try (DataSet data = DataSet.open(folder.toUri().toString())) {
            assertThat(data.size()).isEqualTo(25);
            assertThat(data.label(13)).isEqualTo(3);
            assertThat(data.name(13)).isEqualTo(folder.resolve("s-000001.tar") + ":key013.jpg");
            FloatImage image = new FloatImage();
            assertThat(ImageCodec.decode(data.read(13), image)).isTrue();
            assertThat(image.width).isEqualTo(16);
        }
    }

    @Test
    void selectsShardsByPattern() throws IOException {
        shards(folder, 25, 10);

        try (DataSet data = DataSet.open(folder + "/s-00000?.tar")) {
            assertThat(data.size()).isEqualTo(25);
        }
        try (DataSet data = DataSet.open("file://" + folder + "/*1.tar")) {
            assertThat(data.size()).isEqualTo(10);
        }
        try (DataSet data = DataSet.open("file:" + folder + "/s-00000%3f.tar")) {
            assertThat(data.size()).isEqualTo(25);
        }
        assertRefused(folder + "/*9.tar", ExitCodes.NO_INPUT, "matches *9.tar");
    }

    @Test
    void ignoresSystemFoldersOfAVolume() throws IOException {
        Files.createDirectory(folder.resolve("lost+found"));
        for (String name : new String[] {".snapshot/ox/a.png", "ox/a.png"}) {
            Files.createDirectories(folder.resolve(name).getParent());
            Files.write(folder.resolve(name), image(1));
        }
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThat(data.size()).isEqualTo(1);
            assertThat(data.label(0)).isZero();
        }
    }

    @Test
    void readsClassFoldersAndFlatFolders() throws IOException {
        for (String name : new String[] {"dog/b.png", "cat/a.png", "cat/deep/c.png"}) {
            Files.createDirectories(folder.resolve(name).getParent());
            Files.write(folder.resolve(name), image(1));
        }
        try (DataSet data = DataSet.open(folder.toString())) {
            assertThat(data.size()).isEqualTo(3);
            assertThat(new int[] {data.label(0), data.label(1), data.label(2)}).containsExactly(0, 0, 1);
        }
        try (DataSet data = DataSet.open(folder.resolve("dog").toString())) {
            assertThat(data.label(0)).isEqualTo(DataSet.UNLABELLED);
        }
    }

    @Test
    void namesAMissingOrEmptyFolder() {
        assertRefused(
                folder.resolve("none").toString(), ExitCodes.NO_INPUT, folder.resolve("none") + " does not exist");
        assertRefused(folder.toString(), ExitCodes.NO_INPUT, folder + " holds neither");
        assertRefused("file://" + folder + "/no such {1}", ExitCodes.NO_INPUT, folder + "/no such {1} does not exist");
        assertRefused("file://data/train", ExitCodes.NO_INPUT, "file://data/train names a machine");
        assertRefused("file:///a%zz", ExitCodes.NO_INPUT, "file:///a%zz is not a valid path");
        assertRefused("s3:///data", ExitCodes.NO_INPUT, "s3:///data");
    }

    @Test
    void namesATruncatedTarFile() throws IOException {
        shards(folder, 3, 10);
        Path shard = folder.resolve("s-000000.tar");
        byte[] whole = Files.readAllBytes(shard);
        int content = whole.length;
        while (whole[content - 1] == 0) {
            content--;
        }
        for (int length = 0; length < content; length += 100) {
            Files.write(shard, Arrays.copyOf(whole, length));
            assertRefused(folder.toString(), ExitCodes.BAD_DATA, shard.toString());
        }
    }

    /** A name that is too long gives an error that no missing file gives; it stands for the errors of a file server. */
    @Test
    void reportsTransientReadErrorsAsRetryable() throws IOException {
        Path shard = folder.resolve("s-000000.tar");
        Files.createSymbolicLink(shard, TOO_LONG);
        assertRefused(folder.toString(), ExitCodes.SOFTWARE, shard.toString());
        assertRefused(shard.toString(), ExitCodes.SOFTWARE, shard + " cannot be read");
        Path images = Files.createDirectory(folder.resolve("images"));
        Files.createSymbolicLink(images.resolve("class"), TOO_LONG);
        assertRefused(
                images.toString(), ExitCodes.SOFTWARE, images.resolve("class").toString());
        Files.delete(images.resolve("class"));
        Files.delete(shard);
        Files.createSymbolicLink(shard, folder.resolve("nowhere"));
        assertRefused(folder.toString(), ExitCodes.NO_INPUT, shard + " cannot be read");
    }

    @Test
    void doesNotMistakeADiskErrorForADamagedTar() throws IOException {
        shards(folder, 1, 1);
        try (FileSource disk = new FailingSource(FolderSource.open(folder.toString()), new IOException("disk error"))) {
            Listing listing = Listing.of(disk, IndexProgress.NONE);
            assertThatThrownBy(
                            () -> IndexBuilder.build(disk, IndexSettings.DEFAULT, listing, IndexProgress.NONE, folder))
                    .isInstanceOfSatisfying(
                            DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.SOFTWARE))
                    .hasMessageContaining(folder.resolve("s-000000.tar") + " cannot be read");
        }
    }

    @Test
    void retriesOpeningDataThatCannotBeReadNow() throws Exception {
        Path shard = folder.resolve("s-000000.tar");
        Files.createSymbolicLink(shard, TOO_LONG);
        SwavJobSpec spec = specWithHungAfter(1);
        assertThatThrownBy(() -> DataSet.open(folder.toString(), spec).close())
                .isInstanceOf(DataException.class)
                .hasMessageContaining(shard.toString());

        CompletableFuture<DataSet> opening =
                CompletableFuture.supplyAsync(() -> DataSet.open(folder.toString(), specWithHungAfter(60)));
        Path whole = Files.createDirectory(folder.resolve(".whole"));
        shards(whole, 3, 3);
        TimeUnit.MILLISECONDS.sleep(300);
        Files.move(whole.resolve("s-000000.tar"), shard, StandardCopyOption.ATOMIC_MOVE);
        try (DataSet data = opening.get(1, TimeUnit.MINUTES)) {
            assertThat(data.size()).isEqualTo(3);
        }
    }

    private static SwavJobSpec specWithHungAfter(int hungAfterSeconds) {
        try {
            return SpecLoader.complete("test", new ObjectMapper().readTree("""
                    {"data": {"uri": "file:///d"}, "recovery": {"hungAfterSeconds": %d}}
                    """.formatted(hungAfterSeconds)));
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void findsTheSplitByFoldersOrNames() throws IOException {
        assertThat(TrainTestSplit.of(folder).test()).isEmpty();
        Files.createFile(folder.resolve("x-train-0.tar"));
        Files.createFile(folder.resolve("x-test-0.tar"));
        assertThat(TrainTestSplit.of(folder).test()).isEqualTo(Optional.of("file://" + folder + "/*test*.tar"));
        Files.createDirectory(folder.resolve("train"));
        assertThat(TrainTestSplit.of(folder))
                .isEqualTo(new TrainTestSplit("file://" + folder + "/train", Optional.empty()));
    }

    @Test
    void reportsATransientErrorOfASplitAsRetryable() throws IOException {
        Path train = folder.resolve("train");
        Files.createSymbolicLink(train, train);
        assertThatThrownBy(() -> TrainTestSplit.of(folder))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.SOFTWARE))
                .hasMessageContaining(train + " cannot be read");
    }

    @Test
    void rejectsATruncatedJpeg() {
        byte[] jpeg = ImageCodec.encode(SyntheticImages.draw(1, 1, 1, 64), ".jpg");
        FloatImage image = new FloatImage();
        assertThat(ImageCodec.decode(jpeg, image)).isTrue();
        assertThat(ImageCodec.decode(Arrays.copyOf(jpeg, jpeg.length / 2), image))
                .isFalse();
        assertThat(ImageCodec.decode("not an image".getBytes(java.nio.charset.StandardCharsets.UTF_8), image))
                .isFalse();
        assertThat(ImageCodec.decode(new byte[0], image)).isFalse();
    }

    /** Such an image must be skipped and named like any undecodable one; otherwise it would end the training. */
    @Test
    void rejectsAnImageThatIsTooLarge() {
        byte[] head = "P6 1100000 1 255\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        assertThat(ImageCodec.decode(Arrays.copyOf(head, head.length + 3 * 1_100_000)))
                .as("wider than OpenCV reads")
                .isEmpty();
    }

    static void shards(Path folder, int samples, int perShard) throws IOException {
        try (ShardWriter writer = new ShardWriter(folder, "s", perShard)) {
            for (int i = 0; i < samples; i++) {
                writer.add(String.format("key%03d", i), image(i), "jpg", i % 10);
            }
        }
    }

    static byte[] image(int number) {
        return ImageCodec.encode(SyntheticImages.draw(5, number, number % 10, 16), ".jpg");
    }

    private static void assertRefused(String uri, int exitCode, String message) {
        assertThatThrownBy(() -> DataSet.open(uri).close())
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(exitCode))
                .hasMessageContaining(message);
    }
}
