package io.swav.checkpoint.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.HostTensor;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.function.IntToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests files that PyTorch 1.13 wrote ({@code resources/pytorch/make.py}), and what damage makes of them. */
class PyTorchFileTest {
    private static final String ZIP = "checkpoint-zip.pth";
    private static final String LEGACY = "checkpoint-legacy.pth.tar";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {ZIP, LEGACY})
    void readsEveryKindOfView(String name) throws Exception {
        PyTorchFile file = PyTorchFile.read(fixture(name), Optional.empty());
        assertThat(file.at()).isEqualTo("state_dict");
        Map<String, HostTensor> tensors = file.tensors();
        assertTensor(tensors, "conv1.weight", DataType.FLOAT32, List.of(2L, 3L, 2L, 2L), eighths(24, i -> i));
        assertTensor(
                tensors,
                "layer1.0.conv1.weight",
                DataType.FLOAT32,
                List.of(3L, 4L),
                eighths(12, i -> i % 4 * 3 + i / 4));
        assertTensor(tensors, "bn1.weight", DataType.FLOAT32, List.of(4L), eighths(4, i -> i + 4));
        assertTensor(tensors, "bn1.bias", DataType.FLOAT32, List.of(4L), eighths(4, i -> 2 * i + 8));
        assertTensor(tensors, "bn1.num_batches_tracked", DataType.INT64, List.of(), 123456789012.0);
        assertTensor(tensors, "f16", DataType.FLOAT32, List.of(5L), eighths(5, i -> i));
        assertTensor(tensors, "bf16", DataType.FLOAT32, List.of(5L), eighths(5, i -> i));
        assertTensor(
                tensors,
                "f64",
                DataType.FLOAT64,
                List.of(5L),
                DoubleStream.of(eighths(5, i -> i)).map(value -> value / 3).toArray());
        assertTensor(tensors, "i32", DataType.INT32, List.of(3L), -1, 0, 1);
        assertTensor(tensors, "u8", DataType.UINT8, List.of(3L), 0, 1, 2);
        assertTensor(tensors, "empty", DataType.FLOAT32, List.of(0L, 4L));
        assertThat(tensors).hasSize(13);
        assertThat(file.leftOut())
                .contains("epoch", "args", "rng", "random (1 tensor)", "optimizer (1 tensor)")
                .contains("module.bool (of type BOOL)");
    }

    @Test
    void readsTheDictionaryThatIsAskedFor() throws Exception {
        PyTorchFile file = PyTorchFile.read(fixture(ZIP), Optional.of("state_dict"));
        assertThat(file.tensors()).hasSize(13);
        assertThatThrownBy(() -> PyTorchFile.read(fixture(ZIP), Optional.of("optimizer.nothing")))
                .hasMessageContaining(
                        "it has no dictionary optimizer.nothing; it holds [state (1 tensor), param_groups");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model-zip.pth", "model-legacy.pth"})
    void refusesAWholeModel(String name) throws Exception {
        assertThat(PyTorchFile.matches(fixture(name))).isTrue();
        assertThatThrownBy(() -> PyTorchFile.read(fixture(name), Optional.empty()))
                .isInstanceOf(PyTorchFileException.class)
                .hasMessageContaining("state_dict()");
    }

    @ParameterizedTest
    @ValueSource(strings = {ZIP, LEGACY})
    void refusesAFileThatIsCutAnywhere(String name) throws Exception {
        byte[] whole = Files.readAllBytes(fixture(name));
        Path cut = folder.resolve("cut.pth");
        for (int length = 0; length < whole.length; length++) {
            Files.write(cut, Arrays.copyOf(whole, length));
            int bytes = length;
            assertThatThrownBy(() -> PyTorchFile.read(cut, Optional.empty()))
                    .as("%s of %s bytes", bytes, whole.length)
                    .isInstanceOf(PyTorchFileException.class);
        }
    }

    /** Damage is refused or leaves weights of the same names; it never ends in another failure. */
    @ParameterizedTest
    @ValueSource(strings = {ZIP, LEGACY})
    void survivesDamagedBytes(String name) throws Exception {
        byte[] whole = Files.readAllBytes(fixture(name));
        Path damaged = folder.resolve("damaged.pth");
        long seed = 20;
        Random random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 1500; round++) {
            byte[] bytes = whole.clone();
            for (int i = random.nextInt(3); i >= 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Files.write(damaged, bytes);
            try {
                PyTorchFile.read(damaged, Optional.empty());
            } catch (PyTorchFileException e) {
                refused++;
            } catch (IOException | RuntimeException e) {
                throw new AssertionError("seed " + seed + ", round " + round, e);
            }
        }
        assertThat(refused).isGreaterThan(500);
    }

    @Test
    void aDamagedStorageDoesNotPassItsChecksum() throws Exception {
        byte[] bytes = Files.readAllBytes(fixture(ZIP));
        byte[] values = new byte[8];
        ByteBuffer.wrap(values).order(ByteOrder.LITTLE_ENDIAN).putLong(123456789012L);
        int at = IntStream.range(0, bytes.length - 8)
                .filter(i -> Arrays.equals(bytes, i, i + 8, values, 0, 8))
                .findFirst()
                .orElseThrow();
        bytes[at]++;
        assertThatThrownBy(() -> PyTorchFile.read(Files.write(folder.resolve("x.pth"), bytes), Optional.empty()))
                .hasMessageContaining("is not what its checksum says");
    }

    @Test
    void writesWhatItReads() throws Exception {
        Map<String, HostTensor> tensors =
                PyTorchFile.read(fixture(ZIP), Optional.empty()).tensors();
        Path first = folder.resolve("first.pth");
        Path second = folder.resolve("second.pth");
        PyTorchWriter.write(first, tensors, Map.of("architecture", "tiny"));
        PyTorchWriter.write(second, tensors, Map.of("architecture", "tiny"));
        assertThat(second).hasSameBinaryContentAs(first);
        PyTorchFile again = PyTorchFile.read(first, Optional.empty());
        assertThat(again.leftOut()).containsExactly("swav");
        assertThat(again.tensors().keySet()).isEqualTo(new TreeSet<>(tensors.keySet()));
        tensors.forEach((name, tensor) -> {
            HostTensor read = Objects.requireNonNull(again.tensors().get(name));
            assertThat(read.shape()).isEqualTo(tensor.shape());
            assertThat(read.bytes().clear()).as(name).isEqualTo(tensor.bytes().clear());
        });
    }

    @Test
    void writesNoValueThatIsNotFinite() {
        ByteBuffer values = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        values.putFloat(4, Float.POSITIVE_INFINITY);
        HostTensor tensor = new HostTensor(DataType.FLOAT32, List.of(2L), values);
        assertThatThrownBy(() -> PyTorchWriter.write(folder.resolve("inf.pth"), Map.of("w", tensor), Map.of()))
                .hasMessageContaining("w holds NaN or infinity, first at element 1");
        assertThat(folder.resolve("inf.pth")).doesNotExist();
    }

    private static double[] eighths(int count, IntToDoubleFunction position) {
        return IntStream.range(0, count)
                .mapToDouble(i -> position.applyAsDouble(i) / 8 - 1)
                .toArray();
    }

    private static void assertTensor(
            Map<String, HostTensor> tensors, String name, DataType type, List<Long> shape, double... values) {
        HostTensor tensor = Objects.requireNonNull(tensors.get("module." + name), name);
        assertThat(tensor.type()).as(name).isEqualTo(type);
        assertThat(tensor.shape()).as(name).isEqualTo(shape);
        ByteBuffer bytes = tensor.bytes().clear().order(ByteOrder.LITTLE_ENDIAN);
        List<Double> read = new ArrayList<>();
        while (bytes.hasRemaining()) {
            read.add(
                    switch (type) {
                        case FLOAT32 -> (double) bytes.getFloat();
                        case FLOAT64 -> bytes.getDouble();
                        case INT64 -> (double) bytes.getLong();
                        case INT32 -> (double) bytes.getInt();
                        default -> (double) bytes.get();
                    });
        }
        assertThat(read)
                .as(name)
                .containsExactlyElementsOf(DoubleStream.of(values).boxed().toList());
    }

    static Path fixture(String name) throws URISyntaxException {
        return Path.of(Objects.requireNonNull(PyTorchFileTest.class.getResource("/pytorch/" + name))
                .toURI());
    }
}
