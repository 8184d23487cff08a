package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataLayoutTest {
    private final IgnoredCounts ignored = new IgnoredCounts();

    private DataLayout layout(String... names) {
        return layoutAt("/d", names);
    }

    private DataLayout layoutAt(String uri, String... names) {
        List<SourceFile> files =
                Stream.of(names).map(name -> new SourceFile(name, 1, "")).toList();
        return DataLayout.of(uri, files, ignored);
    }

    private static List<String> names(DataLayout layout) {
        return layout.files().stream().map(SourceFile::name).toList();
    }

    @Test
    void recognizesShardsClassesAndOneFolder() {
        DataLayout shards = layout("b.tar", "a.tar", "classes.txt", "README.md", "pack.json");
        assertThat(shards.layout()).isEqualTo(Layout.Shards);
        assertThat(names(shards)).containsExactly("a.tar", "b.tar");
        assertThat(ignored.toList()).containsExactly(new Inventory.Ignored("unknown type", 1, List.of("README.md")));
        assertThat(names(layout("y/s-0.tar", "x/s-1.tar"))).containsExactly("x/s-1.tar", "y/s-0.tar");

        DataLayout flat = layout("b.png", "a.JPG");
        assertThat(flat.layout()).isEqualTo(Layout.OneFolder);
        assertThat(names(flat)).containsExactly("a.JPG", "b.png");

        DataLayout classes = layout("cat/x.png", "cat-dog/y.png", "cat/deep/z.png", "ant/a.png");
        assertThat(classes.layout()).isEqualTo(Layout.ClassFolders);
        assertThat(classes.classes()).containsExactly("ant", "cat", "cat-dog");
        assertThat(names(classes)).containsExactly("ant/a.png", "cat/deep/z.png", "cat/x.png", "cat-dog/y.png");
    }

    /** Each of these was one of its meanings, silently. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a.jpg b.jpg sub/c.jpg | 2 images and, in 1 folders beside them (sub), 1 more | write /d/* for the former,"
                        + " /d/sub for the latter",
                "a.jpg b.jpg c.jpg x/d.jpg y/e.jpg | 3 images and, in 2 folders | /d/* for the former",
                "train/cat/a.jpg val/cat/b.jpg | folders for training and for testing (train, val) | write /d/train to"
                        + " train, /d/val to evaluate (data.evalUri)",
                "train/s-0.tar test/s-1.tar | (train, test) | /d/train to train",
                "archive/training/cat/a.jpg archive/testing/cat/a.jpg | (archive/training, archive/testing) |"
                        + " /d/archive/training",
                "train2017/a.jpg val2017/b.jpg | (train2017, val2017) | /d/train2017",
                "s-0.tar preview.jpg | 1 tar shards and 1 images beside them (the first is preview.jpg) | write /d/*.tar",
                "s-0.tar old/s-1.tar | 1 tar shards and, in folders beside them (old), 1 more | write /d/*.tar for the"
                        + " former, /d/old for those of one folder",
                "x-train-0.tar x-train-1.tar x-test-0.tar | 2 shards for training and 1 for testing | write /d/*train*.tar",
                "s-0.tar s-1.tar s-1.tar.gz | the same shard twice, once compressed (s-1.tar.gz) | write /d/*.tar, or",
                "cat/a.jpg dog/b.jpg pets/cat/a.jpg pets/dog/b.jpg | unpacked twice | write /d/pets for the inner ones"
            })
    void refusesWhatCanBeMeantInTwoWays(String files, String what, String way) {
        assertThatThrownBy(() -> layout(files.strip().split(" ")))
                .isInstanceOfSatisfying(
                        DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                .hasMessageContaining(what.strip())
                .hasMessageContaining(way.strip());
    }

    @Test
    void namesThatOnlyLookLikeSplitsAreClasses() {
        assertThat(layout("train/a.jpg", "tram/b.jpg").classes()).containsExactly("train", "tram");
        assertThat(layout("test/a.jpg", "rest/b.jpg").classes()).containsExactly("rest", "test");
        assertThat(layout("train-val-0.tar", "train-val-1.tar").files()).hasSize(2);
        assertThat(layout("latest-0.tar", "trainer-1.tar").files()).hasSize(2);
    }

    @Test
    void countsImagesBesideClassFolders() {
        DataLayout layout = layout("logo.png", "cat/a.jpg", "cat/b.jpg", "dog/c.jpg");
        assertThat(layout.files()).hasSize(3);
        assertThat(ignored.toList()).containsExactly(new Inventory.Ignored(DataLayout.BESIDE, 1, List.of("logo.png")));
    }

    @Test
    void leavesOutMasks() {
        assertThat(names(layout("a.jpg", "a_mask.png", "b.jpg", "b-seg.png", "lone_mask.png")))
                .containsExactly("a.jpg", "b.jpg", "lone_mask.png");
        assertThat(names(layout("images/a.jpg", "masks/a.png", "Annotations/a.png")))
                .containsExactly("images/a.jpg");
        assertThat(ignored.toList().get(0).reason()).isEqualTo(DataLayout.MASK);
        assertThat(ignored.toList().get(0).count()).isEqualTo(4);
        assertThat(layout("hats/a.jpg", "masks/a.jpg").classes())
                .as("a class of masks")
                .containsExactly("hats", "masks");
    }

    @Test
    void notesThatTheClassesMayBeOneLevelDeeper() {
        DataLayout layout = layout("archive/cat/a.jpg", "archive/dog/b.jpg");
        assertThat(layout.classes()).containsExactly("archive");
        assertThat(layout.notes())
                .containsExactly("all images are of one class, the folder archive, which holds 2 folders (cat, dog): if"
                        + " those are the classes, write /d/archive");
        assertThat(layout("cat/a.jpg", "cat/deep/b.jpg").notes()).isEmpty();
    }

    @Test
    void wordsTheWaysOutFromAPattern() {
        assertThatThrownBy(() -> layoutAt("/d/*", "s-0.tar", "a.jpg")).hasMessageContaining("write /d/*.tar for");
        assertThatThrownBy(() -> layoutAt("s3://bucket/x/", "train/a.jpg", "val/b.jpg"))
                .hasMessageContaining("write s3://bucket/x/train to train");
    }

    @Test
    void refusesNothingAndTwins() {
        assertThatThrownBy(() -> layout()).hasMessageContaining("/d holds neither tar shards nor images");
        assertThatThrownBy(() -> layout("a.pdf", "b.pdf")).hasMessageContaining("there are 2 files of other types");
        assertThatThrownBy(() -> layout("é.jpg", "é.jpg")).hasMessageContaining("two files have the same name");
    }

    /** What a layout is decided to be depends on the files alone, not on the order in which they are listed. */
    @Test
    void doesNotDependOnTheOrderOfTheListing() {
        String[] names = {"b/y.jpg", "a/x.jpg", "a-b/z.jpg", "note.txt", "b/x.jpg"};
        List<String> expected = names(layout(names));
        java.util.SplittableRandom random = new java.util.SplittableRandom(31);
        for (int round = 0; round < 50; round++) {
            int i = random.nextInt(names.length);
            int j = random.nextInt(names.length);
            String swap = names[i];
            names[i] = names[j];
            names[j] = swap;
            assertThat(names(layout(names))).as("seed 31, round %d", round).isEqualTo(expected);
        }
    }
}
