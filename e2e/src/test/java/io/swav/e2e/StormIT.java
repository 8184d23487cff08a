package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.data.DataCommand;
import io.swav.local.LocalStack;
import io.swav.local.storm.StormCommand;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A short storm over everything that is real: API server, operator, nodes, trainers. */
class StormIT {
    @TempDir
    Path dir;

    @AfterEach
    void end() {
        LocalStack.down(dir.resolve("storm/cluster"));
    }

    @Test
    void aStormChangesNeitherTheWeightsNorTheLossOfAnyStep() throws Exception {
        DataCommand.synthesize(dir.resolve("data"), 1100, 4, 32, 31);
        Path json = dir.resolve("storm.json");

        int code = new CommandLine(new StormCommand())
                .execute(
                        "--dir=" + dir.resolve("storm"),
                        "--data=" + dir.resolve("data"),
                        "--json=" + json,
                        "--ranks=3",
                        "--min=2",
                        "--max=3",
                        "--steps=40",
                        "--batch=256",
                        "--group-size=32",
                        "--kills=1",
                        "--notices=2",
                        "--resizes=1",
                        "--hangs=0",
                        "--hung-after=60", // the machine may be slower than a storm expects
                        "--seed=3");

        JsonNode report = JsonMapper.builder().build().readTree(json.toFile());
        assertThat(report.path("broken")).as("promises broken").isEmpty();
        assertThat(code).isZero();
        assertThat(report.path("kills").asInt()).isEqualTo(1);
        assertThat(report.path("notices").asInt()).isEqualTo(2);
        assertThat(report.path("resizes").asInt()).isEqualTo(1);
        assertThat(report.path("steps").asInt()).isEqualTo(40);
        assertThat(report.path("stepsLostWithNotice").asInt()).isZero();
        assertThat(report.path("stepsLostWithoutNotice").asInt()).isLessThanOrEqualTo(1);
        assertThat(report.path("samplesNotExactlyOnce").asInt()).isZero();
        assertThat(report.path("weightsEqual").asBoolean()).isTrue();
        assertThat(report.path("weightsRelativeL2").asDouble()).isZero();
        assertThat(report.path("lossEqual").asBoolean()).isTrue();
        assertThat(report.path("survivorsKeptProcess").asBoolean()).isTrue();
        assertThat(report.path("goodput").asDouble()).isBetween(0.01, 1.0);
        assertThat(report.path("pauseSeconds").path("kill").path("max").asDouble(-1))
                .isNotNegative();
    }
}
