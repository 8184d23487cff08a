package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.data.FileSource.SourceFile;
import java.io.EOFException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(3600)
class FolderSourceTest {
    @TempDir
    private Path folder;

    /** What a listing gives: names with sizes, and names with reasons. */
    private static final class Listed implements FileSource.Visitor {
        private final SortedMap<String, SourceFile> files = new TreeMap<>();
        private final SortedMap<String, String> ignored = new TreeMap<>();
        private final List<String> folders = new ArrayList<>();

        static Listed of(String uri) throws IOException {
            Listed listed = new Listed();
            try (FolderSource source = FolderSource.open(uri)) {
                source.list(listed);
            }
            return listed;
        }

        SourceFile file(String name) {
            return Objects.requireNonNull(files.get(name));
        }

        @Override
        public void file(SourceFile file) {
            assertThat(files.put(file.name(), file)).isNull();
        }

        @Override
        public void ignored(String name, String reason) {
            assertThat(ignored.put(name, reason)).isNull();
        }

        @Override
        public void folder(String name, String version) {
            folders.add(name);
        }
    }

    private Path file(String name, int bytes) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.write(file, new byte[bytes]);
    }

    @Test
    void namesWhatSystemsLeaveBesideImages() throws IOException {
        file("cat/a.jpg", 1);
        file("cat/._a.jpg", 1);
        file("cat/.hidden.jpg", 1);
        file("cat/Thumbs.db", 1);
        file("cat/.ipynb_checkpoints/a-checkpoint.jpg", 1);
        file("__MACOSX/cat/._a.jpg", 1);
        file("cat/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", 1);
        file("#recycle/b.jpg", 1);
        file("lost+found/c.jpg", 1);
        file(".swav/x.swavidx", 1);

        Listed listed = Listed.of(folder.toString());
        assertThat(listed.files.keySet()).containsExactly("cat/a.jpg");
        assertThat(listed.ignored)
                .containsEntry("cat/._a.jpg", Clutter.APPLE_DOUBLE)
                .containsEntry("cat/.hidden.jpg", Clutter.HIDDEN)
                .containsEntry("cat/Thumbs.db", "checkpoint or thumbnail of a tool")
                .containsEntry("cat/.ipynb_checkpoints", "checkpoint or thumbnail of a tool")
                .containsEntry("__MACOSX", "__MACOSX of zip files")
                .containsEntry("cat/@eaDir", "@eaDir of a NAS")
                .containsEntry("#recycle", "recycle bin")
                .containsEntry("lost+found", "system folder")
                .hasSize(8);
        assertThat(Clutter.ofPath("./cat/a.jpg")).isEmpty();
        assertThat(Clutter.ofPath("x/__MACOSX/a.jpg")).contains("__MACOSX of zip files");
    }

    /** A class folder that is a link was silently empty. */
    @Test
    void followsLinksAndFindsLoops() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.write(elsewhere.resolve("a.jpg"), new byte[3]);
        Path data = Files.createDirectories(folder.resolve("data/dog"));
        Files.write(data.resolve("b.jpg"), new byte[2]);
        Files.createSymbolicLink(folder.resolve("data/cat"), elsewhere);
        Files.createSymbolicLink(data.resolve("c.jpg"), elsewhere.resolve("a.jpg"));
        Files.createSymbolicLink(data.resolve("d.jpg"), folder.resolve("nowhere"));
        Files.createSymbolicLink(data.resolve("up"), folder.resolve("data"));
        Files.createSymbolicLink(data.resolve("e.jpg"), Path.of("e.jpg"));

        Listed listed = Listed.of(folder + "/data");
        assertThat(listed.files.values().stream().map(f -> f.name() + " " + f.bytes()))
                .containsExactly("cat/a.jpg 3", "dog/b.jpg 2", "dog/c.jpg 3", "dog/d.jpg -1");
        assertThat(listed.ignored)
                .containsExactlyInAnyOrderEntriesOf(new TreeMap<>(
                        java.util.Map.of("dog/up", FolderListing.LINK_LOOP, "dog/e.jpg", FolderListing.LINK_LOOP)));
    }

    @Test
    void readsNamesOfAnyBytes() throws IOException {
        String uri = folder.toUri().toString();
        for (String name : new String[] {"%C3%A9.jpg", "%E9t%E9.jpg", "a%0Ab.jpg", "%F0%9F%90%88.jpg"}) {
            Files.writeString(Path.of(URI.create(uri + name)), name);
        }
        try (FolderSource source = FolderSource.open(folder.toString())) {
            Listed listed = new Listed();
            source.list(listed);
            assertThat(listed.files.keySet())
                    .containsExactlyInAnyOrder("é.jpg", "été.jpg", "a\nb.jpg", "\uD83D\uDC08.jpg");
            assertThat(text(source, listed.file("é.jpg"))).isEqualTo("%C3%A9.jpg");
            assertThat(text(source, listed.file("été.jpg"))).isEqualTo("%E9t%E9.jpg");
            assertThat(text(source, listed.file("\uD83D\uDC08.jpg"))).isEqualTo("%F0%9F%90%88.jpg");
        }
    }

    private static String text(FileSource source, SourceFile file) throws IOException {
        return new String(source.read(file, 0, (int) file.bytes()), StandardCharsets.UTF_8);
    }

    @Test
    void ordersNamesByTheirBytes() {
        assertThat(java.util.stream.Stream.of("b", "a/x", "a-b", "a", "\uD83D\uDC08", "\uFFFD", "é")
                        .sorted(FileNames.BY_BYTES))
                .containsExactly("a", "a-b", "a/x", "b", "é", "\uFFFD", "\uD83D\uDC08");
    }

    @Test
    void expandsListsAndPatternsInEveryPart() throws IOException {
        for (int i = 0; i < 12; i++) {
            file("%s/s-%02d.tar".formatted(i % 2 == 0 ? "even" : "odd", i), i);
        }
        file("even/.s-14.tar", 1);
        assertThat(Listed.of(folder + "/even/s-{00..04..2}.tar").files.keySet())
                .containsExactly("s-00.tar", "s-02.tar", "s-04.tar");
        assertThat(Listed.of(folder + "/{even,odd}/s-0*.tar").files).hasSize(10);
        assertThat(Listed.of(folder + "/*/s-0?.tar").files).hasSize(10);
        assertThat(Listed.of("file://" + folder + "/odd/s-1*").files.keySet()).containsExactly("s-11.tar");
        assertThat(Listed.of(folder + "/odd/s-01.tar").files.keySet()).containsExactly("s-01.tar");

        file("braces{a,b}/x.jpg", 1);
        assertThat(Listed.of(folder + "/braces{a,b}").files.keySet())
                .as("a folder whose name looks like a list")
                .containsExactly("x.jpg");
    }

    /** Ninety-nine shards of a hundred are not a smaller data set. */
    @Test
    void aNamedFileThatIsMissingIsAMistake() throws IOException {
        file("s-0.tar", 1);
        file("s-2.tar", 1);
        assertThatThrownBy(() -> Listed.of(folder + "/s-{0..3}.tar"))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.NO_INPUT))
                .hasMessageContaining("2 of the 4 files")
                .hasMessageContaining("the first is s-1.tar");
        assertThatThrownBy(() -> Listed.of(folder + "/s-{0..3.tar")).hasMessageContaining("has a { without a }");
        assertThatThrownBy(() -> Listed.of(folder + "/x*.tar"))
                .hasMessageContaining("no file in " + folder + " matches x*.tar");
    }

    @Test
    void namesAShardThatChanged() throws IOException {
        Path shard = file("s.tar", 2048);
        FileTime before = FileTime.fromMillis(1_000_000);
        Files.setLastModifiedTime(shard, before);
        try (FolderSource source = FolderSource.open(folder.toString())) {
            Listed listed = new Listed();
            source.list(listed);
            SourceFile described = listed.file("s.tar");
            assertThat(source.read(described, 1024, 10)).hasSize(10);
            assertThatThrownBy(() -> source.read(described, 2040, 10)).isInstanceOf(EOFException.class);
            try (FolderSource later = FolderSource.open(folder.toString())) {
                Files.write(shard, new byte[1024]);
                Files.setLastModifiedTime(shard, before);
                assertThatThrownBy(() -> later.read(described, 0, 10))
                        .isInstanceOf(ChangedFileException.class)
                        .hasMessage("s.tar changed since it was indexed: 1024 bytes instead of 2048");
                Files.write(shard, new byte[2048]);
                assertThatThrownBy(() -> later.open(described, 0).close())
                        .isInstanceOf(ChangedFileException.class)
                        .hasMessageContaining("s.tar changed since it was indexed: it was written again at");
                Files.setLastModifiedTime(shard, before);
                assertThat(later.read(described, 0, 10)).hasSize(10);
            }
        }
    }

    /** More shards than files that are kept open, each read by several threads while others are closed. */
    @Test
    void readsMoreShardsThanItKeepsOpen() throws IOException {
        int shards = 700;
        for (int i = 0; i < shards; i++) {
            Files.write(folder.resolve("s-%03d.tar".formatted(i)), new byte[] {(byte) i, (byte) (i >> 8)});
        }
        try (FolderSource source = FolderSource.open(folder.toString())) {
            Listed listed = new Listed();
            source.list(listed);
            List<SourceFile> files = List.copyOf(listed.files.values());
            java.util.stream.IntStream.range(0, 4 * shards).parallel().forEach(read -> {
                int i = read * 31 % shards;
                try {
                    assertThat(source.read(files.get(i), 0, 2)).containsExactly((byte) i, (byte) (i >> 8));
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        }
    }
}
