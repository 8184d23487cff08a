package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerReport;
import io.swav.data.CropBatches;
import io.swav.data.DataSynthCommand;
import io.swav.evaluation.EvalCommand;
import io.swav.evaluation.ExportCommand;
import io.swav.evaluation.FeaturesCommand;
import io.swav.evaluation.QuickKnn;
import io.swav.model.Learner;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests {@code data.evalUri}: the accuracy of the finished model. */
class EvaluationTest {
    @TempDir
    private Path folder;

    private Path config = Path.of("");

    @BeforeEach
    void images() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 240, 2, 24, 1);
        config = job(folder.resolve("data/test"));
    }

    @Test
    void reportsTheFigureOfEvalKnn() throws IOException {
        assertThat(train(new SwavTrainingFactory())).isEqualTo(ExitCodes.OK);
        assertThat(report().state()).isEqualTo(TrainerReport.State.Done);
        assertThat(new CommandLine(new EvalCommand())
                        .execute(
                                "knn",
                                "--config",
                                config.toString(),
                                "--weights",
                                folder.resolve("out/step-2").toString(),
                                "--train",
                                folder.resolve("data/train").toString(),
                                "--test",
                                folder.resolve("data/test").toString(),
                                "--json",
                                folder.resolve("knn.json").toString()))
                .isZero();
        double top1 = new ObjectMapper()
                .readTree(folder.resolve("knn.json").toFile())
                .get("top1")
                .asDouble();
        assertThat(top1).isGreaterThan(10); // ten classes
        assertThat(report().knnTop1()).isEqualTo(top1);
    }

    /** Only the rank that computes the figure opens the test set, when the figure is due. */
    @Test
    void damagedTestImagesCostTheFigureAlone() throws IOException {
        Path damaged = Files.createDirectories(folder.resolve("damaged"));
        Files.write(damaged.resolve("s.tar"), new byte[1000]);
        config = job(damaged);
        assertThat(train(new SwavTrainingFactory())).isEqualTo(ExitCodes.OK);
        assertThat(report().knnTop1()).isNull();
        assertThat(folder.resolve("out/step-2")).exists();
    }

    /** The training set is not opened again: its folder is gone, and its shards are open. */
    @Test
    void theFigureIsOfTheTrainingSetThatIsOpen() throws IOException {
        TorchRuntime.start();
        SwavJobSpec spec = SpecLoader.load(config);
        try (CropBatches batches = new SwavTrainingFactory().batches(spec, List.of());
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Path train = folder.resolve("data/train");
            try (Stream<Path> shards = Files.list(train)) {
                for (Path shard : shards.toList()) {
                    Files.delete(shard);
                }
            }
            Files.delete(train);
            QuickKnn figure = QuickKnn.of(spec, folder.resolve("data/test").toString());
            double top1 = figure.top1(
                    new Learner(spec, step -> 0, step -> 0, manager).network(), batches.data(), () -> false);
            assertThat(top1).isGreaterThan(10);
        }
    }

    @Test
    void featuresOfACheckpointAndOfItsExportNeedNoConfiguration() throws IOException {
        assertThat(train(new SwavTrainingFactory())).isEqualTo(ExitCodes.OK);
        for (String weights :
                new String[] {"out/step-2", "out/step-2/model.safetensors", "out/export/backbone.safetensors"}) {
            assertThat(features(weights, "f.safetensors")).as(weights).isEqualTo(ExitCodes.OK);
            assertThat(Files.size(folder.resolve("f.safetensors"))).isGreaterThan(48 * 128 * 4);
        }
        Path again = folder.resolve("again.safetensors");
        for (String exported : new String[] {"out", "out/step-2", "out/export/backbone.safetensors"}) {
            assertThat(new CommandLine(new ExportCommand())
                            .execute(folder.resolve(exported).toString(), "--out", again.toString()))
                    .isEqualTo(ExitCodes.OK);
            assertThat(features("again.safetensors", "g.safetensors"))
                    .as(exported)
                    .isEqualTo(ExitCodes.OK);
            assertThat(folder.resolve("g.safetensors")).hasSameBinaryContentAs(folder.resolve("f.safetensors"));
        }
    }

    private int features(String weights, String out) {
        return new CommandLine(new FeaturesCommand())
                .execute(
                        folder.resolve("data/test").toString(),
                        "--weights",
                        folder.resolve(weights).toString(),
                        "--out",
                        folder.resolve(out).toString());
    }

    /** The toy machine's evaluation throws. */
    @Test
    void jobIsDoneEvenIfItsEvaluationFails() throws IOException {
        assertThat(train(new ToyTrainingFactory())).isEqualTo(ExitCodes.OK);
        assertThat(report().state()).isEqualTo(TrainerReport.State.Done);
        assertThat(report().knnTop1()).isNull();
    }

    @Test
    void missingImagesAreReportedBeforeTraining() throws IOException {
        config = job(folder.resolve("nowhere"));
        assertThat(train(new SwavTrainingFactory())).isEqualTo(ExitCodes.NO_INPUT);
        assertThat(folder.resolve("out/step-2")).doesNotExist();
    }

    private Path job(Path evaluation) throws IOException {
        return Files.writeString(folder.resolve("job.json"), """
                {"replicas": 1,
                 "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                 "data": {"uri": "%s", "evalUri": "%s"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "training": {"globalBatch": 16, "groupSize": 8, "maxSteps": 2}}
                """.formatted(
                        folder.resolve("data/train").toUri(), evaluation.toUri()));
    }

    private TrainerReport report() throws IOException {
        return new ObjectMapper().readValue(Files.readAllBytes(folder.resolve("report.json")), TrainerReport.class);
    }

    private int train(TrainingFactory factory) {
        return new CommandLine(new TrainCommand(factory, Map.of()))
                .execute(
                        "--config",
                        config.toString(),
                        "--out",
                        folder.resolve("out").toString(),
                        "--report",
                        folder.resolve("report.json").toString());
    }
}
