package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.ExitCodes;
import io.swav.api.Fingerprints;
import io.swav.api.JournalEvent;
import io.swav.api.TrainerExitException;
import io.swav.api.World;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.StoreLease;
import io.swav.data.CropBatches;
import io.swav.membership.Course;
import io.swav.membership.TrainingState;
import io.swav.model.TrainStep;
import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the model, its optimizer and the number of whole steps in them: the state that a forming world shares and that
 * checkpoints keep.
 */
final class LocalTrainingState implements TrainingState {
    private static final Logger LOG = LoggerFactory.getLogger(LocalTrainingState.class);
    private static final long NOTHING = -1;

    private final TrainStep machine;
    private final Optional<CheckpointCatalog> store;
    private final TrainerConfig config;
    private final TrainingSchedule schedule;
    private final CropBatches batches;
    private final TrainingJournal journal;
    private final Optional<CheckpointWriter> writer;
    private final Supplier<String> seen;
    private final Supplier<Fingerprints> fingerprints;
    private long step = NOTHING;
    /** The sets that this training had decided on when it was resumed. */
    private Optional<DataLedger> written = Optional.empty();
    /** Whether the arrays hold a state that was dropped. */
    private boolean forgotten;

    private long agreedStep = NOTHING;
    private byte[] agreedDigest = {};

    /**
     * @param seen the URI for which the operator has reported checkpoints, empty for none
     * @param fingerprints of this trainer, once they are known
     */
    LocalTrainingState(
            TrainStep machine,
            Optional<CheckpointCatalog> store,
            TrainerConfig config,
            TrainingSchedule schedule,
            CropBatches batches,
            TrainingJournal journal,
            Optional<CheckpointWriter> writer,
            Supplier<String> seen,
            Supplier<Fingerprints> fingerprints) {
        this.machine = machine;
        this.store = store;
        this.config = config;
        this.schedule = schedule;
        this.batches = batches;
        this.journal = journal;
        this.writer = writer;
        this.seen = seen;
        this.fingerprints = fingerprints;
    }

    @Override
    public Fingerprints fingerprints() {
        return fingerprints.get();
    }

    @Override
    public Course course() {
        return schedule.course();
    }

    @Override
    public void follow(Course course) {
        EpochSchedule before = schedule.course().epochs();
        batches.follow(course.data());
        schedule.follow(course);
        if (!course.epochs().equals(before)) {
            LOG.info(
                    "training.epochs {} from step {} on: {} steps in all",
                    course.epochs().epochs(),
                    course.epochs().last().step(),
                    schedule.steps());
        }
    }

    @Override
    public void agreed(byte[] digest) {
        agreedStep = step;
        agreedDigest = digest.clone();
    }

    @Override
    public boolean isAgreed(byte[] digest) {
        return step == agreedStep && Arrays.equals(digest, agreedDigest);
    }

    @Override
    public long step() {
        return step;
    }

    /**
     * Publishes the step that was computed. The arrays change here, in {@link #begin}, and through callers of {@link
     * #arrays}.
     */
    void apply() {
        beforeChange();
        machine.apply();
        step++;
    }

    private void beforeChange() {
        writer.ifPresent(CheckpointWriter::beforeChange);
    }

    @Override
    public byte[] digest() {
        return machine.digest();
    }

    /** Drops the state: it is not finite. The next one comes from another rank, a checkpoint, or the seed. */
    void forget() {
        step = NOTHING;
        forgotten = true;
    }

    @Override
    public void begin() {
        writer.ifPresent(CheckpointWriter::awaitStore); // it may save and prune: what is listed would be gone when read
        if (store.isEmpty()) {
            reset();
            step = 0;
            return;
        }
        try {
            claim(store.get());
            written = written();
            step = resume(store.get());
            writer.ifPresent(to -> to.resuming(null));
        } catch (CheckpointUnavailableException e) {
            // no trainer begins while it is unknown whether there is something to resume
            writer.ifPresent(to -> to.resuming(e.getMessage()));
            throw e;
        }
    }

    /**
     * Makes the store this training's.
     *
     * @throws TrainerExitException if another training uses it
     */
    private void claim(CheckpointCatalog of) {
        StoreLease.Claim claim;
        try {
            claim = writer.isPresent() ? writer.get().claim() : new StoreLease.Claim.Held();
        } catch (IOException e) {
            throw new CheckpointUnavailableException(
                    "cannot resume: " + of.uri() + " cannot be claimed for this training: " + MemoryLimits.describe(e),
                    e);
        }
        if (claim.obstacle().isPresent()) {
            String why = claim.obstacle().get();
            throw claim instanceof StoreLease.Claim.Refused
                    ? new TrainerExitException(ExitCodes.CONFIG, why)
                    : new CheckpointUnavailableException("cannot resume: " + why);
        }
    }

    /** Restores the newest checkpoint, and returns its step; 0 if there is none. */
    private long resume(CheckpointCatalog from) {
        Optional<Checkpoint> newest = newest(from);
        newest.ifPresentOrElse(this::restore, () -> {
            checkThatNoneWasSeen(from.uri());
            reset();
        });
        return newest.map(checkpoint -> checkpoint.state().step()).orElse(0L);
    }

    private void reset() {
        resumeCourse(schedule.first().epochs(), DataLedger.of(first().samples(), first().digest()), 0);
        if (forgotten) {
            beforeChange();
            machine.reset();
        }
    }

    /**
     * A process that goes back to an earlier state comes again to the changes that it knows, at their steps, and to the sets of
     * images that any trainer of this training has written down.
     */
    private void resumeCourse(EpochSchedule epochs, DataLedger data, long at) {
        Course known = schedule.course();
        follow(new Course(
                epochs.following(known.epochs(), at),
                data.following(written.orElse(null)).following(known.data())));
    }

    private DataLedger.Entry first() {
        return schedule.first().data().first();
    }

    /** Returns what the epochs up to this step have seen; of a checkpoint without a ledger, the first set. */
    private DataLedger ledger(CheckpointState from) {
        DataLedger data = from.data();
        if (data != null && data.first().equals(first())) {
            return data;
        }
        DataLedger unchanged = DataLedger.of(first().samples(), first().digest());
        return unchanged.decided(unchanged.epochOf(from.step(), config.globalBatch()));
    }

    /**
     * Reads which sets this training has decided on, perhaps after its newest checkpoint.
     *
     * @throws CheckpointUnavailableException if that is not known now
     */
    private Optional<DataLedger> written() {
        try {
            return batches.growth().isPresent() ? batches.growth().get().written() : Optional.of(batches.ledger());
        } catch (IOException e) {
            throw new CheckpointUnavailableException(
                    "cannot resume: the sets of images that this training has seen cannot be read: "
                            + MemoryLimits.describe(e),
                    e);
        }
    }

    private Optional<Checkpoint> newest(CheckpointCatalog from) {
        try {
            return from.newest(config.startOver(), this::mismatch);
        } catch (CheckpointException e) {
            if (e.kind() == CheckpointException.Kind.NoneUsable) {
                throw new TrainerExitException(
                        ExitCodes.CONFIG,
                        e.getMessage() + ". Jobs of one configuration have equal " + ConfigDigest.COVERS,
                        e);
            }
            throw new CheckpointUnavailableException(String.valueOf(e.getMessage()), e);
        }
    }

    /** Returns why a checkpoint cannot be restored: the store may hold any, also one with this configuration's digest. */
    private Optional<String> mismatch(Checkpoint checkpoint) {
        return HostTensor.mismatch(checkpoint.model(), machine.model(), "its model")
                .or(() -> HostTensor.mismatch(checkpoint.optimizer(), machine.optimizer(), "its optimizer"));
    }

    /**
     * Refuses to start over silently: an empty folder that used to hold checkpoints is usually a volume that is not
     * mounted.
     */
    private void checkThatNoneWasSeen(String uri) {
        if (!config.startOver() && seen.get().equals(uri)) {
            throw new CheckpointUnavailableException("cannot resume: there are none of the checkpoints in " + uri
                    + " that status.checkpoints lists; is another volume mounted? Training waits for"
                    + " them. To start from zero, set recovery.startOver: true and delete the pods");
        }
    }

    private void restore(Checkpoint checkpoint) {
        String what = "checkpoint of step " + checkpoint.state().step();
        beforeChange();
        HostTensor.restore(checkpoint.model(), machine.model(), what);
        HostTensor.restore(checkpoint.optimizer(), machine.optimizer(), what);
        resumeCourse(
                Objects.requireNonNullElse(
                        checkpoint.state().epochs(), schedule.first().epochs()),
                ledger(checkpoint.state()),
                checkpoint.state().step());
        LOG.info(
                "resumed from the {}, saved by {} ranks",
                what,
                checkpoint.state().worldSize());
        CheckpointState from = checkpoint.state();
        List<String> changes = ResumeChanges.since(from, fingerprints.get());
        changes.forEach(change -> LOG.warn("the {} was made with something else: {}", what, change));
        journal.event(
                JournalEvent.RESUMED,
                from.generation(),
                from.step(),
                String.join(
                        "; ",
                        Stream.concat(Stream.of("from the " + what), changes.stream())
                                .toList()));
    }

    @Override
    public List<NDArray> arrays() {
        beforeChange(); // the caller may write to them
        return machine.state();
    }

    @Override
    public void received(long to) {
        step = to;
    }

    /** Describes the state that the arrays hold now. */
    CheckpointState describe(World world) {
        return new CheckpointState(
                step,
                step * config.globalBatch(),
                config.seed(),
                config.configDigest(),
                world.size(),
                config.job(),
                world.generation(),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                "",
                fingerprints.get(),
                schedule.course().epochs().isRaised() ? schedule.course().epochs() : null,
                batches.growth().isPresent() || schedule.course().data().hasGrown()
                        ? schedule.course().data()
                        : null);
    }
}
