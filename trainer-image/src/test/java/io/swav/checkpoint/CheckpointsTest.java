package io.swav.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.swav.tensor.Torch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {
    @TempDir
    Path folder;

    @Test
    void theNewestComesBackAndOldOnesGo() throws Exception {
        Checkpoints store = Checkpoints.open(folder, "cfg", 2);
        assertThat(store.newest()).isEmpty();
        for (long step : new long[] {5, 10, 100}) {
            store.save(checkpoint(step, 1, "cfg"));
        }
        Checkpoint newest = store.newest().orElseThrow();
        assertThat(newest).isEqualTo(checkpoint(100, 1, "cfg"));
        assertThat(names()).containsExactly("step-10", "step-100");
        assertThat(store.holds(100)).isTrue();
        assertThat(store.holds(5)).isFalse();
    }

    @Test
    void aDamagedOrUnfinishedOneIsPassedOver() throws Exception {
        Checkpoints store = Checkpoints.open(folder, "cfg", 5);
        for (long step : new long[] {1, 2, 3, 4}) {
            store.save(checkpoint(step, 1, "cfg"));
        }
        Path model = folder.resolve("step-4/model.safetensors");
        byte[] bytes = Files.readAllBytes(model);
        bytes[bytes.length - 1] ^= 1;
        Files.write(model, bytes);
        Files.delete(folder.resolve("step-3/MANIFEST.json"));
        Files.write(folder.resolve("step-2/state.json"), new byte[0]);
        assertThat(store.newest().orElseThrow().state().step()).isEqualTo(1);
        assertThat(store.holds(4)).isFalse();
        store.save(checkpoint(4, 1, "cfg"));
        assertThat(store.newest().orElseThrow().state().step()).isEqualTo(4);
    }

    @Test
    void anotherConfigurationIsRefused() throws Exception {
        Checkpoints.open(folder, "cfg", 5).save(checkpoint(1, 1, "cfg"));
        assertThatThrownBy(() -> Checkpoints.open(folder, "other", 5).newest())
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("step-1 belongs to another configuration")
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(CheckpointException.Kind.OtherConfig);
    }

    @Test
    void aWriterLeftBehindByItsWorldIsRefusedAndItsRubbishGoes() throws Exception {
        Checkpoints store = Checkpoints.open(folder, "cfg", 5);
        Files.createDirectories(folder.resolve(".writing-3-step-7/half"));
        store.save(checkpoint(1, 4, "cfg"));
        assertThat(names()).containsExactly("step-1");
        assertThatThrownBy(() -> store.save(checkpoint(2, 3, "cfg")))
                .extracting(e -> ((CheckpointException) e).kind())
                .isEqualTo(CheckpointException.Kind.NewerWorld);
        assertThat(names()).containsExactly("step-1");
    }

    @Test
    void aFolderThatCannotBeWrittenIsNamed() throws Exception {
        Path file = Files.createFile(folder.resolve("a-file"));
        assertThatThrownBy(() -> Checkpoints.open(file.resolve("below"), "cfg", 1))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("cannot write checkpoints to " + file)
                .hasMessageContaining("spec.checkpoint.uri");
    }

    @Test
    void theExportHoldsTheBackboneAlone() throws Exception {
        Path file = Checkpoints.open(folder, "cfg", 1).export(checkpoint(3, 1, "cfg"));
        assertThat(file).isEqualTo(folder.resolve("export/backbone.safetensors"));
        assertThat(Safetensors.read(file)).containsOnlyKeys("conv1.weight", "bn1.num_batches_tracked");
    }

    /** An independent reader of the format, DJL's, sees the same values. */
    @Test
    void othersReadTheFiles() throws Exception {
        Torch.start();
        Path file = folder.resolve("model.safetensors");
        Safetensors.write(file, checkpoint(3, 1, "cfg").model(), Map.of("format", "pt"));
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
    void truncatedAndForeignFilesAreNamed() throws Exception {
        Path file = folder.resolve("x.safetensors");
        Safetensors.write(file, checkpoint(3, 1, "cfg").model(), Map.of());
        byte[] bytes = Files.readAllBytes(file);
        for (int length : new int[] {0, 7, 8, 20, bytes.length - 1}) {
            Files.write(file, Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> Safetensors.read(file))
                    .as("%d bytes", length)
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("x.safetensors");
        }
    }

    @Test
    void arraysOfAnotherModelAreNamed() {
        Torch.start();
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

    private List<String> names() throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private static Checkpoint checkpoint(long step, long generation, String digest) {
        CheckpointState state = new CheckpointState(step, step * 8, 31, digest, 2, generation, "2026-11-23T00:00:00Z");
        ByteBuffer count =
                ByteBuffer.allocateDirect(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 7);
        HostTensor weights = new HostTensor(
                DataType.FLOAT32,
                List.of(2L, 3L),
                floats((float) step, .5f, -1, 0, 0, 0).bytes());
        return new Checkpoint(
                state,
                Map.of(
                        "conv1.weight",
                        weights,
                        "bn1.num_batches_tracked",
                        new HostTensor(DataType.INT64, List.of(), count),
                        "projection_head.0.bias",
                        floats(1),
                        "prototypes.weight",
                        floats(2)),
                Map.of("conv1.weight", weights));
    }

    private static HostTensor floats(float... values) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new HostTensor(DataType.FLOAT32, List.of((long) values.length), bytes);
    }
}
