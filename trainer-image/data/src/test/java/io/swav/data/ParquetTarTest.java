package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Reads Parquet files that DuckDB wrote (its COPY, from nine images, one of them missing): in the layout of Hugging Face's
 * datasets with each compression, as plain columns with version 2 of pages, with two images a row, and without images.
 */
class ParquetTarTest {
    private static final Path FILES = Path.of("src/test/resources/parquet");

    @TempDir
    Path folder;

    private DataSet open(String... names) throws IOException {
        for (String name : names) {
            Files.copy(FILES.resolve(name), folder.resolve(name));
        }
        return DataSet.open(folder.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"snappy", "zstd", "gzip", "lz4_raw", "uncompressed"})
    void readsImagesAndNamedClassesOfHuggingFaceFiles(String codec) throws Exception {
        String file = "hf-" + codec + ".parquet";
        try (DataSet data = open(file)) {
            assertThat(data.size()).isEqualTo(8);
            assertThat(data.classNames()).containsExactly("2 birds", "cat", "dog");
            assertThat(List.of(0L, 1L, 2L).stream()
                            .map(sample -> data.classNames().get(data.label(sample))))
                    .containsExactly("cat", "dog", "2 birds");
            assertThat(data.label(3)).as("−1 in the file").isEqualTo(DataSet.UNLABELLED);
            assertThat(data.place(0)).isEqualTo(file + ":000000000.jpg");
            assertThat(data.place(7)).as("row 5 has no image").isEqualTo(file + ":000000008.png");
            for (long sample = 0; sample < data.size(); sample++) {
                assertThat(ImageCodec.decode(data.read(sample), ImageLimits.standard())
                                .width())
                        .isPositive();
            }
            assertThat(data.inventory().ignored())
                    .singleElement()
                    .satisfies(ignored -> assertThat(ignored.toString()).contains("000000005.no-image"));
        }
    }

    /** The images of each file are the same, whatever compressed them. */
    @Test
    void everyCompressionGivesTheSameBytes() throws Exception {
        try (DataSet data = open("hf-gzip.parquet", "hf-lz4_raw.parquet", "hf-snappy.parquet", "hf-zstd.parquet")) {
            assertThat(data.size()).isEqualTo(32);
            for (int file = 1; file < 4; file++) {
                for (int row = 0; row < 8; row++) {
                    assertThat(data.read(8L * file + row)).isEqualTo(data.read(row));
                }
            }
            assertThat(data.read(7)).isEqualTo(Files.readAllBytes(Path.of("src/test/resources/images/gray.png")));
        }
    }

    @Test
    void readsPlainColumnsAndNumbersOfClasses() throws Exception {
        try (DataSet data = open("plain.parquet")) {
            assertThat(data.size()).isEqualTo(8);
            assertThat(data.classNames()).isEmpty();
            assertThat(data.label(1)).isEqualTo(1);
            assertThat(data.label(3)).isEqualTo(DataSet.UNLABELLED);
        }
    }

    @Test
    void severalImagesARowNeedAChoice() throws Exception {
        assertThatThrownBy(() -> open("two.parquet"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("image.jpg, mask.jpg")
                .hasMessageContaining("data.imageExtension");
        FileSource source =
                new UnpackingSource(FolderSource.open(folder.toString()), new UnpackedShards(Optional.empty()));
        try (source) {
            IndexSettings masks = IndexSettings.of("mask.jpg", "");
            ShardSamples.Found found = ShardSamples.in(source, Listed.of(source).one(), masks);
            assertThat(found.samples())
                    .hasSize(7)
                    .allMatch(sample -> sample.name().endsWith(".mask.jpg"));
        }
    }

    @ParameterizedTest
    @CsvSource({"none.parquet, no column of images", "hf-brotli.parquet, compressed with BROTLI"})
    void namesWhatItCannotRead(String file, String problem) {
        assertThatThrownBy(() -> open(file))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining(file)
                .hasMessageContaining(problem);
    }

    /** Whatever is damaged, the file is read as it was, or refused as bad data: never an error of this program. */
    @Test
    void damagedFilesAreRefusedAsBadData() throws Exception {
        byte[] whole = Files.readAllBytes(FILES.resolve("hf-snappy.parquet"));
        SplittableRandom random = new SplittableRandom(19);
        int refused = 0;
        for (int i = 0; i < 300; i++) {
            byte[] bytes = i % 3 == 0 ? Arrays.copyOf(whole, random.nextInt(whole.length)) : whole.clone();
            for (int flips = i % 3 * 2; flips > 0; flips--) {
                int end = i % 2 == 0 ? bytes.length - 1 - random.nextInt(900) : random.nextInt(bytes.length);
                bytes[end] ^= (byte) (1 << random.nextInt(8));
            }
            FileSource source = new MapSource(Map.of("s.parquet", bytes));
            try (ParquetTar tar =
                    new ParquetTar(source, source.find("s.parquet").orElseThrow())) {
                tar.readAllBytes();
            } catch (IOException e) {
                assertThat(e.getMessage()).isNotBlank().doesNotEndWith("null");
                refused++;
            }
        }
        assertThat(refused)
                .as("the hundred that are cut, and damage that is not of an image")
                .isGreaterThan(100);
    }

    @Test
    void aFaultOfTheSourceIsNoDamage() throws Exception {
        Files.copy(FILES.resolve("hf-zstd.parquet"), folder.resolve("s.parquet"));
        FileSource failing = new UnpackingSource(
                new FailingSource(FolderSource.open(folder.toString()), new IOException("Stale file handle")),
                new UnpackedShards(Optional.empty()));
        assertThatThrownBy(() -> Listed.of(failing))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Stale file handle");
    }
}
