package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.data.DataSet;
import io.swav.data.DataSynthCommand;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StormImagesTest {
    @TempDir
    Path dir;

    private static List<String> names(String uri) {
        try (DataSet data = DataSet.open(uri)) {
            return IntStream.range(0, (int) data.size())
                    .mapToObj(i -> data.name(i).replaceFirst(".*/", ""))
                    .toList();
        }
    }

    private void changes(Path original) {
        List<String> before = names(original.toString());
        StormImages images = StormImages.copy(original, dir.resolve("copy"));
        assertThat(names(images.uri())).isEqualTo(before);

        images.add();
        List<String> changed = names(images.uri());
        assertThat(changed).hasSizeGreaterThan(before.size());
        assertThat(changed.subList(changed.size() - before.size(), changed.size()))
                .as("the new ones are first")
                .isEqualTo(before);
        assertThat(names(original.toString())).isEqualTo(before);

        images.remove();
        assertThat(names(images.uri())).isEqualTo(before);
    }

    @Test
    void aChangeShiftsEverySampleOfTheCopyAndNoneOfTheOriginal() throws IOException {
        DataSynthCommand.synthesize(dir.resolve("data"), 40, 4, 16, 31);
        changes(dir.resolve("data/train"));
        changes(dir.resolve("data/train/*.tar"));
        for (String image : List.of("flat/1.png", "flat/2.png", "classes/a/1.png", "classes/b/1.png")) {
            Files.createDirectories(dir.resolve(image).resolveSibling(""));
            Files.writeString(dir.resolve(image), image);
        }
        changes(dir.resolve("flat"));
        changes(dir.resolve("classes"));
    }

    @Test
    void refusesAFolderWithoutFiles() throws IOException {
        Path empty = Files.createDirectories(dir.resolve("empty"));
        assertThatThrownBy(() -> StormImages.copy(empty, dir.resolve("copy")))
                .isInstanceOf(LocalClusterException.class)
                .hasMessageContaining("holds no image");
    }
}
