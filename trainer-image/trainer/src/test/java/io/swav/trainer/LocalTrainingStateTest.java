package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import io.swav.api.Fingerprints;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.StoreFactory;
import io.swav.model.TrainStep;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
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
                        StoreFactory.open(folder.toString(), StoreFactory.service(Optional.empty())),
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

            CheckpointState five = new CheckpointState(5, 5, 1, "cfg", 1, "job", 1, "");
            store.save(new HostSnapshot(machine.model(), machine.optimizer()).copied(five));
            state.begin();
            assertThat(state.step()).as("the volume is back").isEqualTo(5);
            assertThat(problem()).isEmpty();
        }
    }

    private Optional<String> problem() {
        return Optional.ofNullable(
                Objects.requireNonNull(progress.report().checkpoints()).problem());
    }

    private static LocalTrainingState held(
            TrainStep machine, CheckpointCatalog store, CheckpointWriter writer, boolean startOver, String seen) {
        TrainerConfig plan = new TrainerConfig(
                "uid", 1, 8, 100, 10, Optional.empty(), 1, "cfg", "job", startOver, Duration.ZERO, Duration.ZERO);
        return new LocalTrainingState(
                machine,
                Optional.of(store),
                plan,
                TrainingJournal.none(),
                Optional.of(writer),
                () -> seen,
                () -> Fingerprints.NONE);
    }
}
