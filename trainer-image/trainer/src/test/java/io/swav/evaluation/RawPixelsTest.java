package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.data.DataSynthCommand;
import io.swav.data.WorkProgress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests the figure of raw pixels, the baseline beside every kNN. */
class RawPixelsTest {
    private static final String SPEC = """
            {"model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
             "data": {"uri": "file:///none"}, "crops": [{"count": 2, "size": %d, "minScale": 0.14, "maxScale": 1.0}]}
            """;

    @TempDir
    private Path folder;

    @Test
    void standsBesideEachSettingOfEvalKnn() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 60, 2, 16, 1);
        Path json = folder.resolve("knn.json");
        assertThat(knn(16, json, "--k", "1,5", "--temperature", "0.07,0.1")).isEqualTo(ExitCodes.OK);
        JsonNode result = new ObjectMapper().readTree(json.toFile());
        assertThat(result.at("/all")).hasSize(4);
        assertThat(result.at("/all/3/k").asInt()).isEqualTo(5);
        assertThat(result.at("/all/3/temperature").asDouble()).isEqualTo(0.1);
        assertThat(result.at("/top1")).isEqualTo(result.at("/all/0/top1"));
        assertThat(result.at("/all/0/rawPixelsTop1").asDouble())
                .isEqualTo(Evaluation.measurePixels(
                        SpecLoader.complete("test", new ObjectMapper().readTree(SPEC.formatted(16))),
                        folder.resolve("data/train").toString(),
                        folder.resolve("data/test").toString(),
                        new KnnClassifier(1, 0.07)::top1,
                        WorkProgress.Follower.NONE))
                .isBetween(5.0, 100.0);
    }

    @Test
    void largeViewsHaveNone() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 20, 2, 16, 1);
        Path json = folder.resolve("knn.json");
        assertThat(knn(65, json)).isEqualTo(ExitCodes.OK);
        assertThat(new ObjectMapper().readTree(json.toFile()).has("rawPixelsTop1"))
                .isFalse();
    }

    @Test
    void settingsThatAreNoneAreRefused() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 20, 2, 16, 1);
        assertThat(knn(16, folder.resolve("knn.json"), "--k", "0")).isNotZero();
        assertThat(knn(16, folder.resolve("knn.json"), "--temperature", "NaN")).isNotZero();
    }

    /** 40.05 % were measured with NumPy. */
    @Test
    void isTheKnownFigureOnCifar10Small() throws IOException {
        Path data = Path.of(System.getProperty(
                        "swav.shared", System.getenv().getOrDefault("SWAV_SHARED", "../../../shared")))
                .resolve("data/cifar10-small");
        assumeTrue(Files.isDirectory(data), () -> "no images at " + data.toAbsolutePath());
        List<Double> figures = Evaluation.measurePixels(
                SpecLoader.complete("test", new ObjectMapper().readTree(SPEC.formatted(32))),
                data.resolve("cifar10-small-train-{000000..000009}.tar").toString(),
                data.resolve("cifar10-small-test-{000000..000003}.tar").toString(),
                (train, test, follower) -> KnnClassifier.top1(List.of(KnnClassifier.DEFAULT), train, test, follower),
                WorkProgress.Follower.NONE);
        assertThat(figures.get(0)).isCloseTo(40.05, Offset.offset(0.11)); // two of 2,000 images
    }

    private int knn(int side, Path json, String... options) throws IOException {
        Path config = Files.writeString(folder.resolve("job.json"), SPEC.formatted(side));
        CommandLine command = new CommandLine(new EvalCommand())
                .setExecutionExceptionHandler((failure, of, parsed) -> ((EvalException) failure).exitCode());
        String[] arguments = {
            "knn",
            "--config",
            config.toString(),
            "--untrained",
            "--train",
            folder.resolve("data/train").toString(),
            "--test",
            folder.resolve("data/test").toString(),
            "--json",
            json.toString()
        };
        String[] all = Arrays.copyOf(arguments, arguments.length + options.length);
        System.arraycopy(options, 0, all, arguments.length, options.length);
        return command.execute(all);
    }
}
