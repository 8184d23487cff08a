package io.swav.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.evaluation.BackboneLoader;
import io.swav.model.Model;
import io.swav.torch.TorchRuntime;
import io.swav.trainer.Main;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/**
 * Imports a torchvision ResNet-50, exports it, and expects the features that PyTorch computed. The input is written,
 * and the output read, by code that is independent of ours.
 */
class ImportTest {
    private static final String SPEC = """
            {"data": {"uri": "file:///none"}, "training": {"globalBatch": 8, "groupSize": 8}}
            """;

    @TempDir
    Path folder;

    @Test
    void keepsTheFeaturesOfATorchvisionNetwork() throws Exception {
        Path shared = Path.of(System.getProperty(
                        "swav.shared", System.getenv().getOrDefault("SWAV_SHARED", "../../../shared")))
                .resolve("golden");
        assumeTrue(Files.isDirectory(shared), () -> "no fixtures at " + shared.toAbsolutePath());
        JsonNode meta = new ObjectMapper()
                .readTree(shared.resolve("arch_forward.json").toFile())
                .get(0);
        assertThat(meta.path("name").asText()).isEqualTo("resnet50");
        FixtureFormula formula = new FixtureFormula(meta.path("seed").asLong());
        Path given = folder.resolve("resnet50.safetensors");
        write(given, meta.path("state_dict"), formula);
        Path config = Files.writeString(folder.resolve("job.json"), SPEC);
        Path store = folder.resolve("store");
        Path exported = folder.resolve("backbone.safetensors");
        assertThat(swav("import", given, "--config", config, "--out", store)).isZero();
        assertThat(swav("checkpoint", "verify", store)).isZero();
        assertThat(swav("export", store, "--out", exported)).isZero();

        TorchRuntime.start();
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                NpzFile expected = new NpzFile(shared.resolve("arch_forward.npz"))) {
            NDList others = NDList.decode(manager, Files.readAllBytes(exported));
            assertThat(others.stream().map(NDArray::getName))
                    .contains("conv1.weight", "layer4.2.bn3.running_var", "bn1.num_batches_tracked")
                    .noneMatch(name -> name.startsWith("fc.") || name.startsWith("prototypes"));
            SwavJobSpec spec = SpecLoader.load(config);
            Model model = BackboneLoader.load(spec, exported, manager.newSubManager());
            Shape shape = new Shape(meta.path("B").asLong(), 3, 96, 96);
            NDArray images = manager.create(formula.input(shape, 0), shape);
            assertThat(ErrorMetrics.relativeL2(
                            expected.doubles("resnet50/eval_backbone_pooled_crop0"),
                            model.features(manager, images).toFloatArray()))
                    .isLessThan(5e-6);
        }
    }

    private static int swav(Object... arguments) {
        List<String> words = new ArrayList<>();
        for (Object argument : arguments) {
            words.add(argument.toString());
        }
        return new CommandLine(Main.class).execute(words.toArray(String[]::new));
    }

    /**
     * Writes a file as DistributedDataParallel saves a classifier: every name begins with "module.", and there is an fc
     * layer.
     */
    private static void write(Path file, JsonNode stateDict, FixtureFormula formula) throws IOException {
        ObjectNode header = new ObjectMapper().createObjectNode();
        List<ByteBuffer> values = new ArrayList<>();
        long at = 0;
        int position = 0;
        for (JsonNode entry : stateDict) {
            String name = entry.get(0).asText();
            List<Long> sides = new ArrayList<>();
            entry.get(1).forEach(side -> sides.add(side.asLong()));
            float[] weights = formula.weight(name, new Shape(sides), position++);
            boolean counter = name.endsWith(".num_batches_tracked");
            if (name.startsWith("projection_head.") || name.startsWith("prototypes.")) {
                continue;
            }
            ByteBuffer bytes =
                    ByteBuffer.allocate(weights.length * (counter ? 8 : 4)).order(ByteOrder.LITTLE_ENDIAN);
            for (float weight : weights) {
                if (counter) {
                    bytes.putLong((long) weight);
                } else {
                    bytes.putFloat(weight);
                }
            }
            at = slot(header, "module." + name, counter ? "I64" : "F32", sides, at, bytes.flip(), values);
        }
        slot(header, "module.fc.bias", "F32", List.of(1000L), at, ByteBuffer.allocate(4000), values);
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            out.write(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(json.length)
                    .flip());
            out.write(ByteBuffer.wrap(json));
            for (ByteBuffer value : values) {
                out.write(value);
            }
        }
    }

    private static long slot(
            ObjectNode header,
            String name,
            String type,
            List<Long> shape,
            long at,
            ByteBuffer bytes,
            List<ByteBuffer> values) {
        ObjectNode node = header.putObject(name).put("dtype", type);
        shape.forEach(node.putArray("shape")::add);
        node.putArray("data_offsets").add(at).add(at + bytes.remaining());
        values.add(bytes);
        return at + bytes.remaining();
    }
}
