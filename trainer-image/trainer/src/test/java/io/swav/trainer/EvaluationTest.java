package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.TrainerReport;
import io.swav.data.DataCommand;
import io.swav.evaluation.EvalCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
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
        DataCommand.synthesize(folder.resolve("data"), 240, 2, 24, 1);
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
