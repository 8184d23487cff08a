package io.swav.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class AllReduceBenchTest {
    @Test
    void writesItsFigures(@TempDir Path folder) throws Exception {
        Path json = folder.resolve("allreduce.json");
        int exit = new CommandLine(new AllReduceBench())
                .execute("--ranks", "3", "--megabytes", "24", "--rounds", "1", "--json", json.toString());
        assertThat(exit).isZero();
        JsonNode figures = new ObjectMapper().readTree(json.toFile());
        double ratio = figures.path("bytesPerSecond").doubleValue()
                / figures.path("ceilingBytesPerSecond").doubleValue();
        assertThat(figures.path("ratio").doubleValue())
                .isEqualTo(ratio, Offset.offset(1e-9))
                .isPositive();
        assertThat(figures.path("cpuRatio").doubleValue()).isPositive();
        assertThat(figures.path("treeOverAny").doubleValue()).isPositive();
        assertThat(figures.path("treeOverAnyCpu").doubleValue()).isPositive();
        JsonNode small = figures.path("smallMicros");
        assertThat(small.path("p50").doubleValue()).isPositive();
        assertThat(small.path("p99").doubleValue())
                .isGreaterThanOrEqualTo(small.path("p50").doubleValue());
    }
}
