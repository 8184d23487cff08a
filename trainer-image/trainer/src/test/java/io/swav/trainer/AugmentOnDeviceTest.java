package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ExitCodes;
import io.swav.data.DataSynthCommand;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests training with {@code data.augmentOn: Device} on real images, as {@code swav train} does it. */
class AugmentOnDeviceTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void images() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 48, 2, 24, 1);
    }

    @Test
    void resumedRunGivesTheBitsOfAnUninterruptedOne() throws IOException {
        Path whole = folder.resolve("whole");
        Path resumed = folder.resolve("resumed");
        assertThat(train("Device", 5, whole)).isEqualTo(ExitCodes.OK);
        assertThat(train("Device", 2, resumed)).isEqualTo(ExitCodes.OK);
        assertThat(train("Device", 5, resumed)).isEqualTo(ExitCodes.OK);
        for (String file : new String[] {"step-5/model.safetensors", "step-5/optimizer.safetensors"}) {
            assertThat(Files.readAllBytes(resumed.resolve(file))).isEqualTo(Files.readAllBytes(whole.resolve(file)));
        }
    }

    @Test
    void refusesACheckpointOfHostCrops() throws IOException {
        Path out = folder.resolve("out");
        assertThat(train("Host", 2, out)).isEqualTo(ExitCodes.OK);
        PrintStream before = System.err;
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        System.setErr(new PrintStream(output, true, StandardCharsets.UTF_8));
        try {
            assertThat(train("Device", 5, out)).isEqualTo(ExitCodes.CONFIG);
        } finally {
            System.setErr(before);
        }
        assertThat(output.toString(StandardCharsets.UTF_8)).contains("another configuration");
    }

    private int train(String augmentOn, int steps, Path out) throws IOException {
        Path config = Files.writeString(folder.resolve("job.json"), """
                {"replicas": 1, "checkpoint": {"everySteps": 2},
                 "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                 "data": {"uri": "%s", "augmentOn": "%s"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0},
                           {"count": 2, "size": 8, "minScale": 0.05, "maxScale": 0.14}],
                 "training": {"globalBatch": 16, "groupSize": 8, "maxSteps": %d}}
                """.formatted(
                        folder.resolve("data/train").toUri(), augmentOn, steps));
        return new CommandLine(new TrainCommand(new SwavTrainingFactory(), Map.of()))
                .execute("--config", config.toString(), "--out", out.toString());
    }
}
