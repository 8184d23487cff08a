package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import io.swav.api.TrainerReport;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.UploadShare;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests a store that fails while training continues: a file stands where its folder should be. */
class SaveFailuresTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    @TempDir
    Path folder;

    private final TrainerProgress progress = new TrainerProgress("a", "uid-a");

    @Test
    void trainingContinuesTheReportGivesTheReasonAndSavingRecovers() throws Exception {
        TorchRuntime.start();
        Files.createDirectory(folder.resolve("well"));
        Files.writeString(Files.createDirectory(folder.resolve("broken")).resolve("store"), "in the way");
        mount("well");
        Path store = folder.resolve("mount").resolve("store");
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(store), new CheckpointCatalog.Owner("job", "cfg"), 2);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(checkpoints, machine, progress)) {
            writer.setLeader(true);
            await().atMost(LONG).until(() -> writer.state().free());
            save(writer, 1);
            await().atMost(LONG).until(() -> writer.state().free());
            assertThat(writer.status().committed()).isEqualTo(1);

            mount("broken");
            save(writer, 2);
            await().atMost(LONG).until(() -> problem().isPresent());
            assertThat(problem().orElseThrow())
                    .contains("cannot save checkpoint step-2")
                    .contains("training continues");
            await("a step later the newer state takes the place of the failing one")
                    .atMost(LONG)
                    .until(() -> writer.state().free());
            save(writer, 3);
            assertThat(writer.status().committed()).isEqualTo(1);

            mount("well");
            await("it tries again by itself")
                    .atMost(LONG)
                    .until(() -> writer.status().committed() == 3);
            await().atMost(LONG).until(() -> problem().isEmpty());
            assertThat(Objects.requireNonNull(progress.report().checkpoints()).newest())
                    .extracting(entry -> entry.step())
                    .containsExactly(3L, 1L);
        }
        assertThat(checkpoints.newest(false).orElseThrow().state().step()).isEqualTo(3);
    }

    /** Moves the volume into place in one operation, because the writer may try at any moment. */
    private void mount(String volume) throws IOException {
        Path next = Files.createSymbolicLink(folder.resolve("next"), folder.resolve(volume));
        Files.move(next, folder.resolve("mount"), StandardCopyOption.ATOMIC_MOVE);
    }

    @Test
    void lastSaveGivesUpWhenAsked() throws Exception {
        TorchRuntime.start();
        Path file = Files.writeString(folder.resolve("file"), "in the way");
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(file), new CheckpointCatalog.Owner("job", "cfg"), 2);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(checkpoints, machine, progress)) {
            assertThat(writer.saveNow(state(7), true, UploadShare.ALONE, () -> true))
                    .isFalse();
            assertThat(writer.status().why()).contains("cannot");
            Files.delete(file);
            assertThat(writer.saveNow(state(7), true, UploadShare.ALONE, () -> false))
                    .isTrue();
        }
        assertThat(file.resolve("export/backbone.safetensors")).exists();
    }

    /** Its operator has disappeared, or publishes worlds that are older than the previous ones. */
    @Test
    void reportsThatALaterWorldHasSavedUntilItIsRankZeroAgain() throws Exception {
        TorchRuntime.start();
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(folder), new CheckpointCatalog.Owner("job", "cfg"), 2);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(checkpoints, machine, progress)) {
            writer.setLeader(true);
            assertThat(writer.saveNow(state(9, 5), false, UploadShare.ALONE, () -> true))
                    .isTrue();
            assertThat(writer.saveNow(state(10, 1), false, UploadShare.ALONE, () -> true))
                    .isFalse();
            assertThat(problem().orElseThrow())
                    .contains("cannot save checkpoint step-10, a later world has saved")
                    .contains("step-9 was written by generation 5, this is generation 1");

            writer.setLeader(false);
            writer.setLeader(true);
            await().atMost(LONG).until(() -> problem().isEmpty());
        }
    }

    /** The copy would fail again, and the end of the training would wait for it; a later state may be finite. */
    @Test
    @Timeout(120)
    void valuesThatAreNotFiniteAreReportedAndNotTriedAgain() throws Exception {
        TorchRuntime.start();
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(folder), new CheckpointCatalog.Owner("job", "cfg"), 2);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(checkpoints, machine, progress)) {
            assertThat(writer.saveNow(state(1), false, UploadShare.ALONE, () -> false))
                    .isTrue();
            TorchOps.fill(machine.state().get(0), Double.NaN);
            for (boolean atTheEnd : new boolean[] {false, true}) {
                assertThat(writer.saveNow(state(2), atTheEnd, UploadShare.ALONE, () -> false))
                        .isFalse();
                assertThat(problem().orElseThrow())
                        .contains("layer.weight holds NaN or infinity, first at element 0")
                        .contains("diverged");
            }
            assertThat(checkpoints.newest(false).orElseThrow().state().step()).isEqualTo(1);
            assertThat(folder.resolve("export/backbone.safetensors")).doesNotExist();

            TorchOps.fill(machine.state().get(0), 1);
            assertThat(writer.saveNow(state(3), true, UploadShare.ALONE, () -> false))
                    .isTrue();
            assertThat(problem()).isEmpty();
        }
    }

    /** A copy holds the state at the time of {@link CheckpointWriter#begin}, whatever is applied after beforeChange. */
    @Test
    void copyHoldsTheStateAtBegin() throws Exception {
        TorchRuntime.start();
        CheckpointCatalog checkpoints =
                new CheckpointCatalog(FolderStore.open(folder), new CheckpointCatalog.Owner("job", "cfg"), 99);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointWriter writer = new CheckpointWriter(checkpoints, machine, progress)) {
            machine.state().get(0).muli(0);
            for (int step = 1; step <= 20; step++) {
                writer.beforeChange();
                machine.state().get(0).addi(1);
                save(writer, step);
            }
            await().atMost(LONG).until(() -> writer.status().committed() == 20);
            for (long step = 1; step <= 20; step++) {
                float expected = step;
                HostTensor saved =
                        Objects.requireNonNull(checkpoints.load(step).model().get("layer.weight"));
                FloatBuffer values =
                        saved.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
                while (values.hasRemaining()) {
                    assertThat(values.get()).as("step %d", step).isEqualTo(expected);
                }
            }
        }
    }

    private static void save(CheckpointWriter writer, long step) {
        await().atMost(LONG).until(() -> writer.begin(state(step), "", UploadShare.ALONE));
        writer.beforeChange();
    }

    private static CheckpointState state(long step) {
        return state(step, 1);
    }

    private static CheckpointState state(long step, long generation) {
        return new CheckpointState(step, step, 1, "cfg", 1, "job", generation, "");
    }

    private Optional<String> problem() {
        return Optional.ofNullable(progress.report().checkpoints()).map(TrainerReport.Checkpoints::problem);
    }
}
