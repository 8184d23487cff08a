package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.trainer.Main;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checks that the class archive is used, because a JVM silently ignores an archive that does not match. */
class ClassArchiveIT {
    @Test
    void aTrainerStartsFromTheArchiveOfThisBuild(@TempDir Path folder) throws Exception {
        Path log = folder.resolve("classes.log");
        List<String> options = new ArrayList<>(Main.JVM_OPTIONS);
        options.add("-Xlog:class+load:file=" + log);
        List<String> command = ImageCommands.java(options, Main.class.getName());
        command.add("--version");

        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).startsWith("SwAV Operator ").doesNotContain("unknown");
        assertThat(Files.readString(log))
                .containsPattern("io\\.swav\\.trainer\\.Main source: shared objects file \\(top\\)")
                .containsPattern("org\\.slf4j\\.Logger source: shared objects file \\(top\\)");
    }
}
