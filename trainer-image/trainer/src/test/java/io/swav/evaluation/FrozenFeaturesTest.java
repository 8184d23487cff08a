package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.Safetensors;
import io.swav.data.BadImageException;
import io.swav.data.DataSet;
import io.swav.data.DataSynthCommand;
import io.swav.data.WorkProgress;
import io.swav.model.Model;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class FrozenFeaturesTest {
    @TempDir
    private Path folder;

    /** Clusters along three directions in 8 dimensions, with noise; the lengths of rows carry no information. */
    private static FeatureMatrix clusters(int rows, double noise, long seed) {
        Random random = new Random(seed);
        float[] values = new float[rows * 8];
        int[] labels = new int[rows];
        for (int row = 0; row < rows; row++) {
            labels[row] = row % 3;
            double length = 0.1 + 10 * random.nextDouble();
            for (int i = 0; i < 8; i++) {
                values[row * 8 + i] = (float) (length * ((i == labels[row] ? 1 : 0) + noise * random.nextGaussian()));
            }
        }
        return Matrices.of(8, values, labels);
    }

    @Test
    void knnClassifiesByDirectionRegardlessOfLength() {
        assertThat(KnnClassifier.DEFAULT.top1(clusters(300, 0.1, 1), clusters(90, 0.1, 2), WorkProgress.Follower.NONE))
                .isEqualTo(100);
        assertThat(KnnClassifier.DEFAULT.top1(clusters(300, 50, 1), clusters(900, 50, 2), WorkProgress.Follower.NONE))
                .isBetween(25.0, 42.0);
        assertThat(new KnnClassifier(500, 0.07)
                        .top1(clusters(30, 0.1, 1), clusters(9, 0.1, 2), WorkProgress.Follower.NONE))
                .isEqualTo(100);
    }

    @Test
    void linearProbeSeparatesSeparableClusters() {
        assertThat(LinearProbe.DEFAULT.top1(clusters(300, 0.05, 1), clusters(90, 0.05, 2), WorkProgress.Follower.NONE))
                .isGreaterThan(98);
    }

    @Test
    void exportKeepsFeaturesAndAMismatchNamesTheFile() throws Exception {
        TorchRuntime.start();
        DataSynthCommand.synthesize(folder, 100, 10, 16, 1);
        SwavJobSpec spec = spec("tiny", 31);
        Path file = folder.resolve("model.safetensors");
        try (NDManager manager = NDManager.newBaseManager();
                DataSet data = DataSet.open(folder + "/test")) {
            Model model = BackboneLoader.untrained(spec, manager);
            Safetensors.write(file, HostSnapshot.of(model.state()), Map.of());
            Path export = folder.resolve("backbone.safetensors");
            assertThat(new CommandLine(new ExportCommand()).execute(file.toString(), "--out", export.toString()))
                    .isEqualTo(ExitCodes.OK);
            assertThat(Safetensors.read(export))
                    .doesNotContainKey("prototypes.weight")
                    .containsKey("conv1.weight");

            Model loaded = BackboneLoader.load(spec("tiny", 5), export, manager);
            assertThat(features(loaded, data, spec)).isNotEmpty().isEqualTo(features(model, data, spec));
            assertThatThrownBy(() -> BackboneLoader.load(spec("resnet18", 5), export, manager))
                    .isInstanceOf(EvalException.class)
                    .hasMessageContaining(export.toString())
                    .hasMessageContaining("model.architecture");
        }
        assertThatThrownBy(() -> BackboneLoader.backbone(folder.resolve("none")))
                .hasMessageContaining("none");
    }

    private static List<Float> features(Model model, DataSet data, SwavJobSpec spec) throws IOException {
        List<Float> values = new ArrayList<>();
        FeatureSink sink = new FeatureSink() {
            @Override
            public void row(int sample, ByteBuffer row) {
                while (row.hasRemaining()) {
                    values.add(row.getFloat());
                }
            }

            @Override
            public void bad(int sample, BadImageException why) {
                throw new AssertionError(why);
            }
        };
        new FeatureExtractor(model, data, spec, 2).run(row -> row, Math.toIntExact(data.size()), sink, units -> {});
        return values;
    }

    private static SwavJobSpec spec(String architecture, long seed) throws IOException {
        String json = """
                {"replicas": 1, "elastic": {"minReplicas": 1, "maxReplicas": 4},
                 "model": {"architecture": "%s", "stem": "small"},
                 "data": {"uri": "/tmp"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "training": {"globalBatch": 16, "groupSize": 4, "epochs": 10, "seed": %d}}
                """.formatted(architecture, seed);
        return SpecLoader.complete("test", new ObjectMapper().readTree(json));
    }
}
