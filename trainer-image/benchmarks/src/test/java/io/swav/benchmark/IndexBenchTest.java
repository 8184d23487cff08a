package io.swav.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class IndexBenchTest {
    @Test
    void writesItsFigures(@TempDir Path folder) throws Exception {
        Path json = folder.resolve("index.json");
        int exit = new CommandLine(new IndexBench())
                .execute(
                        "--samples",
                        "2500",
                        "--per-shard",
                        "1000",
                        "--bytes",
                        "200",
                        "--data",
                        folder + "/data",
                        "--json",
                        json.toString());
        assertThat(exit).isZero();
        JsonNode figures = new ObjectMapper().readTree(json.toFile());
        assertThat(figures.path("samples").asLong()).isEqualTo(2500);
        assertThat(figures.path("files").asLong()).isEqualTo(3);
        assertThat(figures.path("buildSeconds").doubleValue()).isPositive();
        assertThat(figures.path("openSeconds").doubleValue()).isPositive();
        assertThat(figures.path("readMicros").doubleValue()).isPositive();
    }
}
