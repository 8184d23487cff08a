package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.checkpoint.SafetensorsHeader;
import io.swav.data.CenterCrop;
import io.swav.data.DataSet;
import io.swav.data.DataSynthCommand;
import io.swav.model.Model;
import io.swav.torch.TorchRuntime;
import io.swav.trainer.Main;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests {@code swav features}, and the features that {@code swav eval} keeps. */
class FeaturesCommandTest {
    private static final String SPEC = """
            {"model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
             "data": {"uri": "file:///none"}, "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}]}
            """;

    private static final int WIDTH = 128;

    @TempDir
    private Path folder;

    private Path images = Path.of("");
    private Path weights = Path.of("");
    private final ByteArrayOutputStream said = new ByteArrayOutputStream();

    @BeforeEach
    void imagesAndWeights() throws IOException {
        TorchRuntime.start();
        DataSynthCommand.synthesize(folder.resolve("synth"), 30, 3, 16, 1);
        images = folder.resolve("images");
        try (DataSet drawn = DataSet.open(folder.resolve("synth/train").toString())) {
            for (int sample = 0; sample < 30; sample++) {
                Path file = images.resolve(List.of("ant", "bee, \"b\"", "cow").get(drawn.label(sample)))
                        .resolve("%02d.jpg".formatted(sample));
                Files.createDirectories(file.getParent());
                Files.write(file, drawn.read(sample));
            }
        }
        weights = folder.resolve("weights.safetensors");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Map<String, HostTensor> state =
                    HostSnapshot.of(BackboneLoader.untrained(spec(), manager).state());
            Safetensors.write(weights, state, Map.of("architecture", "tiny", "stem", "small", "crop_size", "16"));
        }
    }

    @Test
    void writesFeaturesLabelsNamesAndClasses() throws IOException {
        Path out = folder.resolve("new/features.safetensors");
        assertThat(features("--out", out)).as(said()).isZero();
        Map<String, HostTensor> read = Safetensors.read(out);
        assertThat(tensor(read, "features").shape()).containsExactly(30L, (long) WIDTH);
        assertClose(floats(tensor(read, "features")), expected(images, List.of()));
        List<Long> labels = new ArrayList<>();
        ByteBuffer values = tensor(read, "labels").bytes();
        while (values.hasRemaining()) {
            labels.add(values.getLong());
        }
        assertThat(labels).hasSize(30).startsWith(0L, 0L).endsWith(2L, 2L);
        byte[] names = new byte[tensor(read, "names").bytes().remaining()];
        tensor(read, "names").bytes().get(names);
        assertThat(new String(names, StandardCharsets.UTF_8).split("\0"))
                .hasSize(30)
                .startsWith("ant/00.jpg", "ant/03.jpg")
                .endsWith("cow/29.jpg");
        assertThat(SafetensorsHeader.read(out).metadata())
                .containsEntry("classes", "[\"ant\",\"bee, \\\"b\\\"\",\"cow\"]")
                .containsEntry("crop_size", "16");
    }

    @Test
    void writesAnArrayOfNumPyAndATable() throws IOException {
        Path out = folder.resolve("features.npy");
        assertThat(features("--out", out)).as(said()).isZero();
        byte[] bytes = Files.readAllBytes(out);
        assertThat(bytes).hasSize(128 + 30 * WIDTH * 4).startsWith(0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0);
        assertThat(new String(bytes, 10, 118, StandardCharsets.US_ASCII))
                .startsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (30, 128), }")
                .endsWith("\n");
        assertClose(
                floats(ByteBuffer.wrap(bytes, 128, bytes.length - 128).order(ByteOrder.LITTLE_ENDIAN)),
                expected(images, List.of()));
        assertThat(Files.readAllLines(folder.resolve("features.npy.csv")))
                .hasSize(31)
                .startsWith("name,label,class", "ant/00.jpg,0,ant", "ant/03.jpg,0,ant")
                .contains("\"bee, \"\"b\"\"/01.jpg\",1,\"bee, \"\"b\"\"\"");
        assertThat(names()).noneMatch(name -> name.endsWith(".part"));
    }

    @Test
    void imagesThatCannotBeDecodedAreNamedAndLeftOut() throws IOException {
        Files.writeString(images.resolve("ant/00.jpg"), "no image");
        Files.writeString(images.resolve("cow/99.jpg"), "no image");
        Path out = folder.resolve("f.safetensors");
        assertThat(features("--out", out)).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(said())
                .contains("left out: ant/00.jpg: it does not begin like any of JPEG, PNG")
                .contains("2 of 31 images cannot be decoded and were left out of " + out)
                .contains("--max-bad-samples 2");
        HostTensor rows = tensor(Safetensors.read(out), "features");
        assertClose(floats(rows), expected(images, List.of(0, 30)));
        assertThat(features("--out", out, "--max-bad-samples", 2)).isZero();
    }

    @Test
    void aFailedRunLeavesTheEarlierFile() throws IOException {
        Path out = folder.resolve("f.npy");
        features("--out", out);
        byte[] before = Files.readAllBytes(out);
        byte[] table = Files.readAllBytes(folder.resolve("f.npy.csv"));
        try (Stream<Path> all = Files.walk(images)) {
            for (Path image : all.filter(Files::isRegularFile).toList()) {
                Files.writeString(image, "no image");
            }
        }
        assertThat(features("--out", out)).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(said()).contains("none of the 30 images");
        assertThat(out).hasBinaryContent(before);
        assertThat(folder.resolve("f.npy.csv")).hasBinaryContent(table);
        assertThat(names()).noneMatch(name -> name.endsWith(".part"));
        assertThat(features("--out", folder.resolve("images")))
                .as("onto a folder")
                .isEqualTo(ExitCodes.CANNOT_WRITE);
    }

    @Test
    void weightsWithoutADescriptionNeedTheJob() throws IOException {
        Map<String, HostTensor> state = Safetensors.read(weights);
        Safetensors.write(weights, state, Map.of("format", "pt"));
        Path out = folder.resolve("f.safetensors");
        assertThat(features("--out", out)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said())
                .contains(weights + " does not state the architecture")
                .contains("--config FILE");
        assertThat(out).doesNotExist();
        Path job = Files.writeString(folder.resolve("job.json"), SPEC);
        assertThat(features("--out", out, "--config", job)).as(said()).isZero();
    }

    @Test
    void weightsThatAreNotFiniteOrMissingWriteNothing() throws IOException {
        byte[] bytes = Files.readAllBytes(weights);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
        Files.write(weights, bytes);
        Path out = folder.resolve("f.safetensors");
        assertThat(features("--out", out)).isEqualTo(ExitCodes.BAD_DATA);
        Files.delete(weights);
        assertThat(features("--out", out)).isEqualTo(ExitCodes.NO_INPUT);
        assertThat(said()).contains("there is no such file");
        assertThat(out).doesNotExist();
    }

    /** The weights are finite, the sums of their products are not. */
    @Test
    void featuresThatAreNotFiniteAreRefused() throws IOException {
        Map<String, HostTensor> state = Safetensors.read(weights);
        ByteBuffer gamma = tensor(state, "layer4.0.bn2.weight").bytes();
        for (int i = 0; i < gamma.capacity(); i += 4) {
            gamma.putFloat(i, 3e38f);
        }
        Safetensors.write(weights, state, Map.of("architecture", "tiny", "stem", "small", "crop_size", "16"));
        Path out = folder.resolve("f.npy");
        assertThat(features("--out", out)).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(said()).contains("the features of " + images + "/ant/00.jpg are not finite");
        assertThat(out).doesNotExist();
    }

    @Test
    void evaluationKeepsFeaturesAndUsesThemAgain() throws IOException {
        Path kept = folder.resolve("kept");
        Path job = Files.writeString(folder.resolve("job.json"), SPEC);
        Object[] knn = {
            "knn",
            "--weights",
            weights,
            "--config",
            job,
            "--train",
            images,
            "--test",
            images,
            "--features",
            kept,
            "--k",
            1
        };
        assertThat(run(new EvalCommand(), knn)).as(said()).isZero();
        Path train = kept.resolve("train.safetensors");
        Object first = Files.readAttributes(train, BasicFileAttributes.class).fileKey();
        assertThat(run(new EvalCommand(), knn)).isZero();
        assertThat(Files.readAttributes(train, BasicFileAttributes.class).fileKey())
                .isEqualTo(first);
        Files.copy(images.resolve("ant/00.jpg"), images.resolve("ant/98.jpg"));
        assertThat(run(new EvalCommand(), knn)).isZero();
        assertThat(tensor(Safetensors.read(train), "features").shape()).containsExactly(31L, (long) WIDTH);
        Files.write(train, new byte[100]);
        assertThat(run(new EvalCommand(), knn)).as("a damaged file").isZero();
        assertThat(tensor(Safetensors.read(train), "features").shape()).containsExactly(31L, (long) WIDTH);
    }

    /** Its figure would be of other images than the data set's. */
    @Test
    void evaluationNamesAnImageThatCannotBeUsed() throws IOException {
        Files.writeString(images.resolve("cow/a.ppm"), "P6 60000 60000 255\n");
        Path job = Files.writeString(folder.resolve("job.json"), SPEC);
        for (String measure : new String[] {"knn", "linear"}) {
            assertThat(run(
                            new EvalCommand(),
                            measure,
                            "--weights",
                            weights,
                            "--config",
                            job,
                            "--train",
                            images,
                            "--test",
                            images,
                            "--features",
                            folder.resolve("kept")))
                    .isEqualTo(ExitCodes.BAD_DATA);
            assertThat(said())
                    .contains("cow/a.ppm: its header says 60000 x 60000 pixels")
                    .contains("repair or remove it");
            assertThat(folder.resolve("kept")).isEmptyDirectory();
        }
    }

    private List<Float> expected(Path data, List<Integer> without) throws IOException {
        List<Float> values = new ArrayList<>();
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                DataSet set = DataSet.open(data.toString())) {
            Model model = BackboneLoader.untrained(spec(), manager);
            CenterCrop view = new CenterCrop(spec());
            for (int sample = 0; sample < set.size(); sample++) {
                if (!without.contains(sample)) {
                    FloatBuffer pixels = FloatBuffer.allocate(3 * 16 * 16);
                    view.read(set, sample, pixels);
                    float[] row = model.features(manager, manager.create(pixels.array(), new Shape(1, 3, 16, 16)))
                            .toFloatArray();
                    for (float value : row) {
                        values.add(value);
                    }
                }
            }
        }
        return values;
    }

    /** The values of an image alone differ in the last bits from those in a batch. */
    private static void assertClose(List<Float> values, List<Float> expected) {
        assertThat(values)
                .hasSameSizeAs(expected)
                .usingElementComparator((a, b) -> Math.abs(a - b) < 1e-4 ? 0 : Float.compare(a, b))
                .isEqualTo(expected);
    }

    private int features(Object... options) {
        List<Object> all = new ArrayList<>(List.of(images, "--weights", weights));
        all.addAll(List.of(options));
        return run(new FeaturesCommand(), all.toArray());
    }

    private int run(Object command, Object... arguments) {
        PrintWriter to = new PrintWriter(said, true, StandardCharsets.UTF_8);
        return new CommandLine(command)
                .setErr(to)
                .setOut(to)
                .setExecutionExceptionHandler(Main::explain)
                .execute(Stream.of(arguments).map(Object::toString).toArray(String[]::new));
    }

    private String said() {
        return said.toString(StandardCharsets.UTF_8);
    }

    private List<String> names() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString()).toList();
        }
    }

    private static HostTensor tensor(Map<String, HostTensor> read, String name) {
        return Objects.requireNonNull(read.get(name), name);
    }

    private static List<Float> floats(HostTensor tensor) {
        return floats(tensor.bytes());
    }

    private static List<Float> floats(ByteBuffer bytes) {
        List<Float> values = new ArrayList<>();
        while (bytes.hasRemaining()) {
            values.add(bytes.getFloat());
        }
        return values;
    }

    private static SwavJobSpec spec() throws IOException {
        return SpecLoader.complete("test", new ObjectMapper().readTree(SPEC));
    }
}
