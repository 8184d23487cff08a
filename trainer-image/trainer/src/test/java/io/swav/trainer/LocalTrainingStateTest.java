package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import io.swav.api.EpochSchedule;
import io.swav.api.Fingerprints;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.StoreFactory;
import io.swav.checkpoint.UploadShare;
import io.swav.membership.Course;
import io.swav.model.TrainStep;
import io.swav.s3.S3Service;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests how a training begins when no trainer holds its state. */
class LocalTrainingStateTest {
    @TempDir
    Path folder;

    private final TrainerProgress progress = new TrainerProgress("pod", "uid");

    @Test
    void waitsForAStoreThatLostItsCheckpoints() throws Exception {
        TorchRuntime.start();
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointCatalog store = new CheckpointCatalog(
                        StoreFactory.open(folder.toString(), S3Service.AWS),
                        new CheckpointCatalog.Owner("job", "cfg"),
                        2);
                CheckpointWriter writer = new CheckpointWriter(store, machine, progress)) {
            LocalTrainingState state = held(machine, store, writer, false, store.uri());
            assertThatThrownBy(state::begin)
                    .isInstanceOf(CheckpointUnavailableException.class)
                    .hasMessageContaining("there are none of the checkpoints in " + store.uri())
                    .hasMessageContaining("recovery.startOver: true");
            assertThat(state.step()).as("no step is held").isNegative();
            assertThat(problem()).hasValueSatisfying(why -> assertThat(why).contains("cannot resume"));

            LocalTrainingState startingOver = held(machine, store, writer, true, store.uri());
            startingOver.begin();
            assertThat(startingOver.step()).as("starting over was requested").isZero();
            LocalTrainingState elsewhere = held(machine, store, writer, false, "file:///another");
            elsewhere.begin();
            assertThat(elsewhere.step()).as("checkpoint.uri is another").isZero();

            store.save(new HostSnapshot(machine.model(), machine.optimizer()).copied(step(5)));
            state.begin();
            assertThat(state.step()).as("the volume is back").isEqualTo(5);
            assertThat(problem()).isEmpty();
        }
    }

    /** After a step that was not finite, say: the trainers live on and know when epochs were raised. */
    @Test
    void aTrainerThatGoesBackToACheckpointComesToARaiseAtTheSameStep() throws Exception {
        TorchRuntime.start();
        EpochSchedule raised =
                EpochSchedule.of(100).following(EpochSchedule.of(100).raisedTo(200), 9);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointCatalog store = new CheckpointCatalog(
                        StoreFactory.open(folder.toString(), S3Service.AWS),
                        new CheckpointCatalog.Owner("job", "cfg"),
                        2);
                CheckpointWriter writer = new CheckpointWriter(store, machine, progress)) {
            LocalTrainingState state = held(machine, store, writer, false, "");
            state.follow(new Course(raised, Trainers.schedule(100).first().data()));
            state.begin();
            assertThat(state.step()).isZero();
            assertThat(state.course().epochs()).as("from the seed").isEqualTo(raised);
            store.save(new HostSnapshot(machine.model(), machine.optimizer()).copied(step(5)));
            state.begin();
            assertThat(state.step()).isEqualTo(5);
            assertThat(state.course().epochs()).as("from before the raise").isEqualTo(raised);
        }
    }

    /** That save is newer than what the store lists, and removes old checkpoints while they are read. */
    @Test
    void aResumeWaitsForASaveThatHasBegun() throws Exception {
        TorchRuntime.start();
        CountDownLatch saveMayContinue = new CountDownLatch(1);
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                CheckpointCatalog store = new CheckpointCatalog(
                        StoreFactory.open(folder.toString(), S3Service.AWS),
                        new CheckpointCatalog.Owner("job", "cfg"),
                        1);
                CheckpointWriter writer = new CheckpointWriter(
                        store, new SaveBuffers(machine, copy -> copyAfter(saveMayContinue, copy)), progress, 1)) {
            store.save(new HostSnapshot(machine.model(), machine.optimizer()).copied(step(25)));
            assertThat(writer.begin(step(50), "", UploadShare.ALONE)).isTrue();
            LocalTrainingState state = held(machine, store, writer, false, store.uri());
            CompletableFuture<Void> resumed = CompletableFuture.runAsync(state::begin);
            assertThat(resumed)
                    .as("while the save is not done")
                    .failsWithin(Duration.ofMillis(500))
                    .withThrowableOfType(TimeoutException.class);
            saveMayContinue.countDown();
            assertThat(resumed).succeedsWithin(Duration.ofMinutes(1));
            assertThat(state.step()).isEqualTo(50);
        }
    }

    private static void copyAfter(CountDownLatch latch, HostSnapshot copy) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        copy.copy();
    }

    private static CheckpointState step(long step) {
        return new CheckpointState(step, step, 1, "cfg", 1, "job", 1, "");
    }

    private Optional<String> problem() {
        return Optional.ofNullable(
                Objects.requireNonNull(progress.report().checkpoints()).problem());
    }

    private static LocalTrainingState held(
            TrainStep machine, CheckpointCatalog store, CheckpointWriter writer, boolean startOver, String seen) {
        TrainerConfig plan =
                new TrainerConfig("uid", 1, 8, Trainers.settings(10), 1, "cfg", "job", startOver, Duration.ZERO);
        return new LocalTrainingState(
                machine,
                Optional.of(store),
                plan,
                Trainers.schedule(100),
                Trainers.batches(),
                TrainingJournal.none(),
                Optional.of(writer),
                () -> seen,
                () -> Fingerprints.NONE);
    }
}
