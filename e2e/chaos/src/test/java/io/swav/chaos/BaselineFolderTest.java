package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaselineFolderTest {
    private static final String MATHS = "{\"training\": {}}";

    @TempDir
    private Path folder;

    @Test
    void findsABaselineWhoseJobHadAnotherName() throws IOException {
        Path journals = Files.createDirectory(StormJob.journal(folder));
        Files.writeString(
                journals.resolve("quiet-0.jsonl"),
                "{\"event\":\"formed\",\"at\":1,\"generation\":1,\"step\":0,\"pid\":7,\"why\":\"\"}\n");
        Files.writeString(folder.resolve("job.yaml"), MATHS);

        assertThat(BaselineFolder.holds(folder, MATHS)).isTrue();
        assertThat(Journal.readAll(StormJob.journal(folder))).containsOnlyKeys("quiet-0");
    }

    @Test
    void refusesTheBaselineOfADifferentJob() throws IOException {
        Files.writeString(folder.resolve("job.yaml"), "{\"training\": {\"seed\": 1}}");

        assertThatThrownBy(() -> BaselineFolder.holds(folder, MATHS))
                .isInstanceOf(LocalClusterException.class)
                .hasMessageContaining("different job");
    }

    @Test
    void ignoresARunThatDidNotComplete() throws IOException {
        Files.createDirectory(StormJob.journal(folder));

        assertThat(BaselineFolder.holds(folder, MATHS)).isFalse();
    }
}
