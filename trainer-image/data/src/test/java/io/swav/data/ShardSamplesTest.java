package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests WebDataset's conventions. */
@Timeout(3600)
class ShardSamplesTest {
    @TempDir
    private Path folder;

    /** Writes a shard of entries and their contents, alternating. */
    private void shard(String file, String... entries) throws IOException {
        try (TarArchiveOutputStream tar =
                new TarArchiveOutputStream(Files.newOutputStream(folder.resolve(file)), "UTF-8")) {
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            for (int i = 0; i < entries.length; i += 2) {
                byte[] content = entries[i + 1].getBytes(StandardCharsets.UTF_8);
                TarArchiveEntry entry = new TarArchiveEntry(entries[i]);
                if (!entry.isDirectory()) {
                    entry.setSize(content.length);
                }
                tar.putArchiveEntry(entry);
                if (!entry.isDirectory()) {
                    tar.write(content);
                }
                tar.closeArchiveEntry();
            }
        }
    }

    private DataSet open(String images, String labels) {
        return IndexedDataSet.open(
                folder.toString(),
                SourceOptions.standard(),
                IndexSettings.of(images, labels),
                List.of(),
                IndexProgress.NONE);
    }

    /** The samples with their labels and contents. */
    private List<String> samples(String images, String labels) {
        try (DataSet data = open(images, labels)) {
            return LongStream.range(0, data.size())
                    .mapToObj(sample -> data.place(sample).substring("s.tar:".length()) + " " + data.label(sample) + " "
                            + content(data, sample))
                    .toList();
        }
    }

    private static String content(DataSet data, long sample) {
        try {
            return new String(data.read(sample), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void groupsByTheNameUpToTheFirstDotOfItsLastPart() throws IOException {
        shard(
                "s.tar",
                "./",
                "",
                "./v1.0/",
                "",
                "./v1.0/a.jpg",
                "A",
                "./v1.0/a.cls",
                "3",
                "./v1.0/b.JPG",
                "B",
                "v1.0/b.cls",
                "9",
                "./v1.0/b.cls",
                "4",
                "c.cls",
                "5",
                "c.png",
                "C",
                "d.png",
                "D");
        assertThat(samples("", "")).containsExactly("./v1.0/a.jpg 3 A", "./v1.0/b.JPG 4 B", "c.png 5 C", "d.png -1 D");
    }

    @Test
    void takesTheImageWithoutADotOfSeveral() throws IOException {
        shard("s.tar", "a.jpg", "A", "a.seg.png", "mask", "a.depth.png", "depth", "b.seg.png", "mask", "b.jpg", "B");
        assertThat(samples("", "")).containsExactly("a.jpg -1 A", "b.jpg -1 B");
        try (DataSet data = open("", "")) {
            assertThat(data.inventory().ignored())
                    .containsExactly(new Inventory.Ignored(
                            ShardSamples.OTHER_IMAGE,
                            3,
                            List.of("s.tar:a.seg.png", "s.tar:a.depth.png", "s.tar:b.seg.png")));
        }
        assertThat(samples("seg.png", "")).containsExactly("a.seg.png -1 mask", "b.seg.png -1 mask");
        assertThat(samples("depth.png;jpg", "")).containsExactly("a.depth.png -1 depth", "b.jpg -1 B");
        assertThat(samples("*", "")).hasSize(5);
    }

    @Test
    void asksWhichOfSeveralImagesIsMeant() throws IOException {
        shard("s.tar", "img.0001.jpg", "A", "img.0001.cls", "1", "img.0002.jpg", "B", "img.0002.cls", "2");
        assertThatThrownBy(() -> samples("", ""))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining("sample img has several images (0001.jpg, 0002.jpg)")
                .hasMessageContaining("set data.imageExtension (--image-extension)")
                .hasMessageContaining("\"*\" if every image is a sample of its own");
        assertThat(samples("*", ""))
                .as("each has the label of its own name")
                .containsExactly("img.0001.jpg 1 A", "img.0002.jpg 2 B");
        shard("s.tar", "a.jpg", "A", "a.png", "A2");
        assertThatThrownBy(() -> samples("", "")).hasMessageContaining("sample a has several images (jpg, png)");
        assertThat(samples("png;jpg", "")).containsExactly("a.png -1 A2");
    }

    @Test
    void aDottedImageOfItsOwnIsASample() throws IOException {
        shard("s.tar", "a.x.jpg", "A", "a.cls", "1", "b.x.jpg", "B", "b.x.cls", "2");
        assertThat(samples("", "")).containsExactly("a.x.jpg 1 A", "b.x.jpg 2 B");
    }

    /** As tar does when it unpacks. */
    @Test
    void aLaterEntryReplacesAnEarlierOneOfItsName() throws IOException {
        shard("s.tar", "a.jpg", "old", "b.jpg", "B", "a.jpg", "new");
        assertThat(samples("", "")).containsExactly("b.jpg -1 B", "a.jpg -1 new");
    }

    @Test
    void readsLabelsFromJsonAndText() throws IOException {
        shard(
                "s.tar",
                "a.jpg",
                "A",
                "a.json",
                "{\"label\": 7, \"cls\": 1}",
                "b.jpg",
                "B",
                "b.json",
                "{\"caption\": \"x\"}",
                "c.jpg",
                "C",
                "c.cls",
                "2",
                "c.json",
                "{\"label\": 7}",
                "c.txt",
                "a caption");
        assertThat(samples("", "")).containsExactly("a.jpg 7 A", "b.jpg -1 B", "c.jpg 2 C");
        assertThat(samples("", "json")).containsExactly("a.jpg 7 A", "b.jpg -1 B", "c.jpg 7 C");

        shard("s.tar", "a.jpg", "A", "a.txt", "dog\n", "b.jpg", "B", "b.txt", "cat", "c.jpg", "C", "c.txt", "dog");
        assertThat(samples("", ""))
                .as("a text may be a caption")
                .containsExactly("a.jpg -1 A", "b.jpg -1 B", "c.jpg -1 C");
        assertThat(samples("", "txt")).containsExactly("a.jpg 1 A", "b.jpg 0 B", "c.jpg 1 C");
        try (DataSet data = open("", "txt")) {
            assertThat(data.classNames()).containsExactly("cat", "dog");
        }
    }

    @Test
    void refusesLabelsThatMakeNoSense() throws IOException {
        shard("s.tar", "a.jpg", "A", "a.cls", "cat");
        assertThatThrownBy(() -> samples("", ""))
                .hasMessageContaining("s.tar: entry a.cls holds \"cat\" instead of a class number");
        shard("s.tar", "a.jpg", "A", "a.json", "{");
        assertThatThrownBy(() -> samples("", "")).hasMessageContaining("s.tar: entry a.json is not JSON");
        shard("s.tar", "a.jpg", "A", "a.json", "{\"label\": 1}", "b.jpg", "B", "b.json", "{\"label\": \"cat\"}");
        assertThatThrownBy(() -> samples("", "")).hasMessageContaining("some labels are numbers and some are names");
    }

    @Test
    void namesClassesFromTheFileBesideShards() throws IOException {
        shard("s.tar", "a.jpg", "A", "a.cls", "1");
        Files.writeString(folder.resolve("classes.txt"), "cat\ndog\n");
        try (DataSet data = open("", "")) {
            assertThat(data.classNames()).containsExactly("cat", "dog");
            assertThat(data.inventory().classes()).isEqualTo(2);
        }
        try (DataSet data = DataSet.open(folder + "/s*.tar")) {
            assertThat(data.classNames()).as("a pattern that does not match it").containsExactly("cat", "dog");
        }
        Files.writeString(folder.resolve("classes.txt"), "cat\n");
        try (DataSet data = open("", "")) {
            assertThat(data.classNames()).isEmpty();
            assertThat(data.inventory().notes().get(0)).contains("names 1 classes, but there are labels up to 1");
        }
    }

    @Test
    void ignoresWhatSystemsLeaveInTars() throws IOException {
        shard("s.tar", "a.jpg", "A", "._a.jpg", "x", "__MACOSX/._a.jpg", "x", ".hidden.jpg", "x", "notes.md", "x");
        try (DataSet data = open("", "")) {
            assertThat(data.size()).isEqualTo(1);
            assertThat(data.inventory().ignored())
                    .extracting(Inventory.Ignored::reason)
                    .containsExactlyInAnyOrder(
                            Clutter.APPLE_DOUBLE, "__MACOSX of zip files", Clutter.HIDDEN, ShardSamples.UNKNOWN);
        }
    }

    /** Names longer than a header's field, of every byte, as each format of GNU tar writes them. */
    @ParameterizedTest
    @ValueSource(strings = {"gnu", "pax", "ustar", "oldgnu", "v7"})
    void readsWhatGnuTarWrites(String format, @TempDir Path in) throws Exception {
        boolean longNames = !format.equals("v7") && !format.equals("ustar");
        String uri = in.toUri().toString();
        Files.writeString(Path.of(URI.create(uri + "%C3%A9.jpg")), "utf-8");
        Files.writeString(Path.of(URI.create(uri + "a%0Ab.jpg")), "newline");
        if (!format.equals("pax")) { // which defines its names to be UTF-8
            Files.writeString(Path.of(URI.create(uri + "%E9t%E9.jpg")), "latin-1");
        }
        String name = (longNames ? "n".repeat(150) : "n".repeat(80)) + ".jpg";
        Files.writeString(in.resolve(name), "long");
        Files.writeString(in.resolve(name.replace(".jpg", ".cls")), "12");
        Files.createDirectory(in.resolve("empty"));
        Process tar = new ProcessBuilder(
                        "tar",
                        "--format=" + format,
                        "--sort=name",
                        "-cf",
                        folder.resolve("s.tar").toString(),
                        "-C",
                        in.toString(),
                        ".")
                .inheritIO()
                .start();
        assertThat(tar.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(tar.exitValue()).isZero();

        List<String> samples = samples("", "");
        assertThat(samples).contains("./é.jpg -1 utf-8", "./a\nb.jpg -1 newline", "./" + name + " 12 long");
        if (!format.equals("pax")) {
            assertThat(samples).contains("./été.jpg -1 latin-1").hasSize(4);
        }
    }
}
