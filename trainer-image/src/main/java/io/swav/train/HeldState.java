package io.swav.train;

import ai.djl.ndarray.NDArray;
import io.swav.api.Contract;
import io.swav.api.World;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.Checkpoints;
import io.swav.checkpoint.HostTensor;
import io.swav.elastic.Replica;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The model, its optimizer and the number of whole steps in them: what forming shares and checkpoints keep. */
final class HeldState implements Replica {
    private static final Logger LOG = LoggerFactory.getLogger(HeldState.class);
    private static final long NOTHING = -1;

    private final StepMachine machine;
    private final Optional<Checkpoints> store;
    private final Trainer.Plan plan;
    private final Journal journal;
    private long step = NOTHING;

    HeldState(StepMachine machine, Optional<Checkpoints> store, Trainer.Plan plan, Journal journal) {
        this.machine = machine;
        this.store = store;
        this.plan = plan;
        this.journal = journal;
    }

    @Override
    public long step() {
        return step;
    }

    void applied() {
        step++;
    }

    @Override
    public byte[] digest() {
        return machine.digest();
    }

    @Override
    public void begin() {
        if (store.isEmpty()) {
            step = 0;
            return;
        }
        try {
            Optional<Checkpoint> newest = store.get().newest();
            newest.ifPresent(this::restore);
            step = newest.map(checkpoint -> checkpoint.state().step()).orElse(0L);
        } catch (CheckpointException e) {
            throw fatal(e);
        }
    }

    private void restore(Checkpoint checkpoint) {
        String what = "checkpoint of step " + checkpoint.state().step();
        HostTensor.restore(checkpoint.model(), machine.model(), what);
        HostTensor.restore(checkpoint.optimizer(), machine.optimizer(), what);
        LOG.info(
                "resumed from the {}, taken by {} ranks",
                what,
                checkpoint.state().worldSize());
        CheckpointState from = checkpoint.state();
        journal.event(Journal.Event.resumed, from.generation(), from.step(), "from the " + what);
    }

    @Override
    public List<NDArray> arrays() {
        return machine.state();
    }

    @Override
    public void received(long to) {
        step = to;
    }

    /** A copy in host memory. */
    Checkpoint snapshot(World world) {
        CheckpointState at = new CheckpointState(
                step,
                step * plan.globalBatch(),
                plan.seed(),
                plan.configDigest(),
                world.size(),
                world.generation(),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        return new Checkpoint(at, HostTensor.snapshot(machine.model()), HostTensor.snapshot(machine.optimizer()));
    }

    static Fatal fatal(CheckpointException e) {
        int code = e.kind() == CheckpointException.Kind.OtherConfig ? Contract.EXIT_CONFIG : Contract.EXIT_CANNOT_WRITE;
        return new Fatal(code, String.valueOf(e.getMessage()), e);
    }
}
