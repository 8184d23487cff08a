package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.SpecLoader;
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

    /** Checkpoints of jobs that were begun before a field existed keep their digest. */
    @Test
    void aFieldAtItsDefaultChangesNoDigest() throws JsonProcessingException {
        String digest = "2a480b2864afda5f"; // of the commit before data.exifOrientation
        assertThat(digest("")).isEqualTo(digest);
        assertThat(digest(", \"exifOrientation\": \"Ignore\"")).isEqualTo(digest);
        assertThat(digest(", \"exifOrientation\": \"Apply\"")).isNotEqualTo(digest);
    }

    private static String digest(String more) throws JsonProcessingException {
        String json = "{\"data\": {\"uri\": \"file:///data\"" + more + "}}";
        return ConfigDigest.of(SpecLoader.complete("test", new ObjectMapper().readTree(json)));
    }
}
