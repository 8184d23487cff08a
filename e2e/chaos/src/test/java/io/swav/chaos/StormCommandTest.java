package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
}
