package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFingerprintTest {
    @TempDir
    Path folder;

    @Test
    void isTheSameWhereverTheShardsAreMounted() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("a"), 48, 2, 24, 1);
        DataSynthCommand.synthesize(folder.resolve("b"), 48, 2, 24, 1);
        DataFingerprint a = of(folder.resolve("a/train"));
        assertThat(a.digest()).matches("[0-9a-f]{16}");
        assertThat(of(folder.resolve("b/train"))).isEqualTo(a);
    }

    @Test
    void differsInNumberNamesAndSizes() throws IOException {
        Path one = images("one", "a.png", 10, "b.png", 20);
        DataFingerprint first = of(one);
        assertThat(first.samples()).isEqualTo(2);
        assertThat(of(images("same", "a.png", 10, "b.png", 20))).isEqualTo(first);
        assertThat(of(images("size", "a.png", 10, "b.png", 21)).digest()).isNotEqualTo(first.digest());
        assertThat(of(images("swapped", "a.png", 20, "b.png", 10)).digest()).isNotEqualTo(first.digest());
        assertThat(of(images("name", "a.png", 10, "c.png", 20)).digest()).isNotEqualTo(first.digest());
        Files.delete(one.resolve("cat/b.png"));
        assertThat(of(one).samples()).isEqualTo(1);
    }

    /** Members of a job that was begun with an earlier version, and its checkpoints, know the data by this value. */
    @Test
    void keepsItsValue() throws IOException {
        Path three = images("three", "a.png", 10, "b.png", 20);
        Files.createDirectories(three.resolve("dog"));
        Files.write(three.resolve("dog/c.png"), new byte[5]);
        assertThat(of(three)).isEqualTo(new DataFingerprint(3, "b739e48004f6d96e"));
    }

    @Test
    void readsTheSizesOfLinkedImages() throws IOException {
        Path plain = images("plain", "a.png", 10, "b.png", 20);
        Path linked = Files.createDirectories(folder.resolve("linked/cat"));
        Files.createSymbolicLink(linked.resolve("a.png"), plain.resolve("cat/a.png"));
        Files.createSymbolicLink(linked.resolve("b.png"), folder.resolve("nowhere.png"));
        try (DataSet data = DataSet.open(folder.resolve("linked").toString())) {
            assertThat(data.bytes(0)).isEqualTo(10);
            assertThat(data.bytes(1)).as("a link to nothing").isEqualTo(-1);
        }
    }

    private Path images(String name, String first, int firstSize, String second, int secondSize) throws IOException {
        Path cats = Files.createDirectories(folder.resolve(name).resolve("cat"));
        Files.write(cats.resolve(first), new byte[firstSize]);
        Files.write(cats.resolve(second), new byte[secondSize]);
        return folder.resolve(name);
    }

    private static DataFingerprint of(Path data) {
        try (DataSet open = DataSet.open(data.toString())) {
            return open.fingerprint();
        }
    }
}
