package io.swav.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.Checkpoints;
import io.swav.checkpoint.Snapshot;
import io.swav.checkpoint.Stores;
import io.swav.collective.CollectiveException;
import io.swav.tensor.Torch;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a training begins where nobody holds its state. */
class HeldStateTest {
    @TempDir
    Path folder;

    private final Progress progress = new Progress("pod", "uid");

    @Test
    void anEmptyStoreThatWasNotEmptyIsWaitedFor() throws Exception {
        Torch.start();
        try (NDManager root = NDManager.newBaseManager("PyTorch");
                ToyMachine machine = new ToyMachine(root, 1, 1);
                Checkpoints store = new Checkpoints(
                        Stores.open(folder.toString(), Stores.service(Optional.empty())),
                        new Checkpoints.Owner("job", "cfg"),
                        2);
                CheckpointWriter writer = new CheckpointWriter(store, machine, progress)) {
            HeldState state = held(machine, store, writer, false, store.uri());
            assertThatThrownBy(state::begin)
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("there are none of the checkpoints in " + store.uri())
                    .hasMessageContaining("recovery.startOver: true");
            assertThat(state.step()).as("no step is held").isNegative();
            assertThat(problem()).hasValueSatisfying(why -> assertThat(why).contains("cannot resume"));

            HeldState told = held(machine, store, writer, true, store.uri());
            told.begin();
            assertThat(told.step()).as("starting over is said").isZero();
            HeldState elsewhere = held(machine, store, writer, false, "file:///another");
            elsewhere.begin();
            assertThat(elsewhere.step()).as("checkpoint.uri is another").isZero();

            CheckpointState five = new CheckpointState(5, 5, 1, "cfg", 1, "job", 1, "");
            store.save(new Snapshot(machine.model(), machine.optimizer()).copied(five));
            state.begin();
            assertThat(state.step()).as("the volume is back").isEqualTo(5);
            assertThat(problem()).isEmpty();
        }
    }

    private Optional<String> problem() {
        return Optional.ofNullable(
                Objects.requireNonNull(progress.report().checkpoints()).problem());
    }

    private static HeldState held(
            StepMachine machine, Checkpoints store, CheckpointWriter writer, boolean startOver, String seen) {
        Trainer.Plan plan = new Trainer.Plan(
                "uid", 1, 8, 100, 10, Optional.empty(), 1, "cfg", "job", startOver, Duration.ZERO, Duration.ZERO);
        return new HeldState(machine, Optional.of(store), plan, Journal.none(), Optional.of(writer), () -> seen);
    }
}
