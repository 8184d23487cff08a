package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassMatchingTest {
    @TempDir
    private Path folder;

    private DataSet images(String set, String... names) throws IOException {
        for (String name : names) {
            Path file = folder.resolve(set).resolve(name);
            Files.createDirectories(file.getParent());
            Files.write(file, new byte[1]);
        }
        return DataSet.open(folder.resolve(set).toString());
    }

    /** By position, the test set's dog would be the training set's cat. */
    @Test
    void givesTestImagesTheLabelsOfTheTrainingClasses() throws IOException {
        try (DataSet train = images("train", "ant/a.png", "cat/b.png", "dog/c.png");
                DataSet test = ClassMatching.byName(train, images("test", "ant/x.png", "dog/y.png"))) {
            assertThat(test.label(0)).isEqualTo(train.label(0));
            assertThat(test.label(1)).isEqualTo(train.label(2));
            assertThat(test.classNames()).containsExactly("ant", "cat", "dog");
            assertThat(test.place(1)).isEqualTo("dog/y.png");
            assertThat(test.size()).isEqualTo(2);
        }
    }

    @Test
    void namesAClassThatWasNotTrained() throws IOException {
        try (DataSet train = images("train", "ant/a.png", "cat/b.png");
                DataSet test = images("test", "ant/x.png", "cats/y.png", "dog/z.png")) {
            assertThatThrownBy(() -> ClassMatching.byName(train, test))
                    .isInstanceOfSatisfying(
                            DataException.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.BAD_DATA))
                    .hasMessageContaining("2 of the 3 test classes are not among the 2 training classes: cats, dog")
                    .hasMessageContaining("rename the class folders");
        }
    }

    @Test
    void keepsNumbersThatHaveNoNames() throws IOException {
        DataSetTest.shards(Files.createDirectory(folder.resolve("shards")), 5, 5);
        try (DataSet shards = DataSet.open(folder.resolve("shards").toString());
                DataSet named = images("named", "ant/a.png")) {
            assertThat(ClassMatching.byName(named, shards)).isSameAs(shards);
            assertThat(ClassMatching.byName(shards, named)).isSameAs(named);
            assertThat(ClassMatching.byName(List.of("ant"), named)).isSameAs(named);
        }
    }
}
