package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ConfigDigestTest {
    @Test
    void docsNameTheFieldsThatItCovers() throws IOException {
        String words = Files.readString(Path.of("../../docs/checkpoints.md"))
                .replace("`", "")
                .replaceAll("\\s+", " ");
        assertThat(words).contains("have equal " + ConfigDigest.COVERS + ".");
    }
}
