package io.swav.checkpoint;

import static io.swav.checkpoint.CheckpointsContract.checkpoint;
import static io.swav.checkpoint.CheckpointsContract.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.TorchRuntime;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    /** An independent reader of the format, DJL's, must read the same values. */
    @Test
    void anIndependentReaderReadsTheFiles() throws Exception {
        TorchRuntime.start();
        Path file = folder.resolve("model.safetensors");
        Safetensors.write(file, checkpoint(3, 1).model(), Map.of("format", "pt"));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDList read = NDList.decode(manager, Files.readAllBytes(file));
            NDArray weights = read.stream()
                    .filter(array -> array.getName().equals("conv1.weight"))
                    .findFirst()
                    .orElseThrow();
            assertThat(weights.toFloatArray()).containsExactly(3, .5f, -1, 0, 0, 0);
            assertThat(weights.getShape().getShape()).containsExactly(2, 3);
        }
    }

    @Test
    void readsAFileWhoseTensorsArrivedInPieces() throws Exception {
        Path file = folder.resolve("x.safetensors");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            StreamedSafetensors stream = new StreamedSafetensors(channel, Map.of("classes", "[\"cat\"]"));
            stream.begin("features", "F32");
            stream.append(floats(1, 2).bytes().duplicate().clear());
            stream.append(floats(3, 4).bytes().duplicate().clear());
            assertThatThrownBy(() -> stream.end(List.of(3L, 2L))).hasMessageContaining("16 bytes");
            stream.end(List.of(2L, 2L));
            stream.begin("names", "U8");
            stream.append(ByteBuffer.wrap(new byte[] {'a', 0}));
            stream.end(List.of(2L));
            assertThatThrownBy(() -> Safetensors.read(file)).as("unfinished").isInstanceOf(IOException.class);
            stream.finish();
        }
        Map<String, HostTensor> read = Safetensors.read(file);
        assertThat(read.get("features"))
                .isEqualTo(new HostTensor(
                        DataType.FLOAT32, List.of(2L, 2L), floats(1, 2, 3, 4).bytes()));
        assertThat(Objects.requireNonNull(read.get("names")).bytes().get(0)).isEqualTo((byte) 'a');
        assertThat(SafetensorsHeader.read(file).metadata()).containsEntry("classes", "[\"cat\"]");
    }

    @Test
    void aStreamRefusesValuesThatAreNotFinite() throws Exception {
        try (FileChannel channel = FileChannel.open(
                folder.resolve("x.safetensors"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            StreamedSafetensors stream = new StreamedSafetensors(channel, Map.of());
            stream.begin("features", "F32");
            stream.append(floats(1, 2).bytes().duplicate().clear());
            assertThatThrownBy(() -> stream.append(
                            floats(3, Float.NaN).bytes().duplicate().clear()))
                    .hasMessageContaining("features holds NaN or infinity, first at element 3");
        }
    }

    /** Such a file is larger than a buffer; its values are a hole. */
    @Test
    void findsTensorsBeyondTwoGibibytes() throws Exception {
        Path file = folder.resolve("x.safetensors");
        String header = "{\"a\": {\"dtype\": \"F32\", \"shape\": [1281167, 2048], \"data_offsets\": [0, 10495320064]}}";
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(file(header, new byte[0])));
            channel.write(ByteBuffer.wrap(new byte[1]), 8 + header.length() + 10495320064L - 1);
        }
        assertThat(SafetensorsHeader.read(file).tensor("a").orElseThrow().to()).isEqualTo(10495320064L);
        assertThatThrownBy(() -> Safetensors.read(file)).isInstanceOf(CorruptCheckpointException.class);
    }

    @Test
    void namesTruncatedFiles() throws Exception {
        Path file = folder.resolve("x.safetensors");
        Safetensors.write(file, checkpoint(3, 1).model(), Map.of());
        byte[] bytes = Files.readAllBytes(file);
        for (int length : new int[] {0, 7, 8, 20, bytes.length - 1}) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> Safetensors.read(file))
                    .as("%d bytes", length)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("x.safetensors");
        }
        Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
        assertThatThrownBy(() -> Safetensors.read(file)).hasMessageContaining("not whole");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "not JSON                                                                | its header is not JSON",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}} | the one before ends at 0",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 4]}} | has 8 bytes",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [1000000,1000000000000,1000000], \"data_offsets\": [0, 4]}} | has -1",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [1]}}                           | lies at -1",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [-1,-1], \"data_offsets\": [0, 4]}} | has a side of -1",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [\"1\"], \"data_offsets\": [0, 4]}} | has a side of",
                "{\"a\": {\"dtype\": \"F32\", \"shape\": [1000000000], \"data_offsets\": [0, -1]}} | has -1 bytes",
                "[]                                                                      | its header is not JSON",
                "{\"a\": {\"dtype\": \"C64\", \"shape\": [1], \"data_offsets\": [0, 8]}} | has dtype C64",
            })
    void refusesForeignHeaders(String header, String why) throws Exception {
        Path file = Files.write(folder.resolve("x.safetensors"), file(header, new byte[4]));
        assertThatThrownBy(() -> Safetensors.read(file))
                .isInstanceOf(CorruptCheckpointException.class)
                .hasMessageContaining(why);
    }

    @Test
    void readsHalfPrecisionAsFloats() throws Exception {
        String header = "{\"h\": {\"dtype\": \"F16\", \"shape\": [4], \"data_offsets\": [0, 8]},"
                + "\"b\": {\"dtype\": \"BF16\", \"shape\": [2], \"data_offsets\": [8, 12]}}";
        // 1, -2, the smallest subnormal, 65504; 1, -3
        byte[] values = {0, 0x3c, 0, (byte) 0xc0, 1, 0, (byte) 0xff, 0x7b, (byte) 0x80, 0x3f, 0x40, (byte) 0xc0};
        Path file = Files.write(folder.resolve("x.safetensors"), file(header, values));
        Map<String, HostTensor> read = Safetensors.read(file);
        assertThat(read.get("h")).isEqualTo(floats(1, -2, 0x1p-24f, 65504));
        assertThat(read.get("b")).isEqualTo(floats(1, -3));
    }

    @ParameterizedTest
    @CsvSource({"F32,4,00 00 c0 7f", "F32,4,00 00 80 ff", "F64,8,00 00 00 00 00 00 f0 7f", "F16,2,00 7c", "BF16,2,80 ff"
    })
    void refusesValuesThatAreNotFinite(String dtype, int width, String bad) throws Exception {
        byte[] value = HexFormat.ofDelimiter(" ").parseHex(bad);
        for (int at : new int[] {0, 1, 4095, 4096, 9999}) {
            byte[] values = new byte[10_000 * width];
            System.arraycopy(value, 0, values, at * width, width);
            String header = "{\"a.weight\": {\"dtype\": \"%s\", \"shape\": [10000], \"data_offsets\": [0, %d]}}"
                    .formatted(dtype, values.length);
            Path file = Files.write(folder.resolve("x.safetensors"), file(header, values));
            assertThatThrownBy(() -> Safetensors.read(file))
                    .isInstanceOf(CorruptCheckpointException.class)
                    .hasMessageContaining("x.safetensors: a.weight holds NaN or infinity, first at element " + at);
        }
    }

    /** The neighbors of infinity in each type, and zeros, are finite. */
    @ParameterizedTest
    @CsvSource({
        "F32,ff ff 7f 7f",
        "F32,ff ff 7f ff",
        "F32,00 00 00 80",
        "F64,ff ff ff ff ff ff ef ff",
        "F16,ff 7b",
        "BF16,7f ff"
    })
    void takesTheLargestValues(String dtype, String largest) {
        assertThat(FiniteValues.firstNotFinite(
                        dtype, ByteBuffer.wrap(HexFormat.ofDelimiter(" ").parseHex(largest))))
                .isEmpty();
    }

    private static byte[] file(String header, byte[] values) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        new DataOutputStream(bytes).writeLong(Long.reverseBytes(json.length));
        bytes.write(json);
        bytes.write(values);
        return bytes.toByteArray();
    }

    @Test
    void namesArraysOfAnotherModel() {
        TorchRuntime.start();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Map<String, HostTensor> from = Map.of("a", floats(1, 2));
            assertThatThrownBy(() -> HostTensor.restore(from, Map.of("b", manager.create(new float[2])), "step 3"))
                    .hasMessage("step 3 holds [a] that the model lacks, and lacks [b]");
            assertThatThrownBy(() -> HostTensor.restore(from, Map.of("a", manager.create(new float[3])), "step 3"))
                    .hasMessageContaining("step 3: a is")
                    .hasMessageContaining("[3]");
            NDArray into = manager.create(new float[2]);
            HostTensor.restore(from, Map.of("a", into), "step 3");
            assertThat(into.toFloatArray()).containsExactly(1, 2);
        }
    }
}
