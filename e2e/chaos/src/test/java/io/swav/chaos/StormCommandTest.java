package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.local.LocalClusterException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class StormCommandTest {
    @ParameterizedTest
    @ValueSource(strings = {"--baseline", "--quiet"})
    void takesTheFolderOfTheBaselineByItsNewAndItsOldName(String option) {
        StormCommand storm = CommandLine.populateCommand(new StormCommand(), option, "reference", "--steps=3");
        assertThat(storm.baseline).isEqualTo(Path.of("reference"));
    }

    @Test
    void hasNoBaselineFolderUnlessOneIsNamed() {
        assertThat(CommandLine.populateCommand(new StormCommand()).baseline).isNull();
    }

    @Test
    void showsOnlyTheNewNameInItsHelp() {
        assertThat(new CommandLine(new StormCommand()).getUsageMessage())
                .contains("--baseline=DIR")
                .doesNotContain("--quiet");
    }

    @ParameterizedTest
    @CsvSource({
        "--bucket=/folder, --seed=1, give s3://bucket/prefix",
        "--bucket=s3://, --seed=1, give s3://bucket/prefix",
        "--bucket=s3://b/p, --endpoint=minio, --endpoint",
        "--bucket=s3://b/p, --data-changes=1, leave out --bucket",
        "--bucket=s3://b/p, --baseline=reference, --baseline cannot be used with --bucket"
    })
    void refusesABucketThatItCannotUseBeforeAnythingStarts(String bucket, String other, String problem) {
        StormCommand storm = CommandLine.populateCommand(new StormCommand(), bucket, other, "--steps=600");
        assertThatThrownBy(storm::call)
                .isInstanceOf(LocalClusterException.class)
                .hasMessageContaining(problem);
    }
}
