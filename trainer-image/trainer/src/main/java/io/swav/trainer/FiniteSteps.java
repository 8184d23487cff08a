package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.ExitCodes;
import io.swav.api.JournalEvent;
import io.swav.api.TrainerExitException;
import io.swav.api.World;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.membership.RankExchange;
import io.swav.model.CropSource;
import io.swav.model.NotFiniteException;
import io.swav.model.NotFiniteValue;
import io.swav.model.StepResult;
import io.swav.model.TrainStep;
import io.swav.trainer.NotFiniteDecision.RankFacts;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes steps, and deals with those that are not finite. Such a step is dropped before anything changes, and computed
 * again with the same samples: a flipped bit goes away. If it comes again, the ranks look for its origin, each in its own
 * groups, exchange their findings, and decide together ({@link NotFiniteDecision}).
 */
final class FiniteSteps {
    private static final Logger LOG = LoggerFactory.getLogger(FiniteSteps.class);

    private final TrainerComponents components;
    private final LocalTrainingState state;
    private final NotFiniteCapture capture;
    private final Optional<CheckpointWriter> writer;
    /** Nanoseconds for which this rank has waited for images in the present step. */
    private long waited;

    private long failedAt = -1;
    private long repairedAt = -1;
    /** The report of a dropped state that is due once a state is shared again. */
    private @Nullable Dropped dropped;

    private record Dropped(NotFiniteDecision decision, long step, String pod, String what) {}

    FiniteSteps(
            TrainerConfig config,
            TrainerComponents components,
            LocalTrainingState state,
            Optional<CheckpointWriter> writer) {
        this.components = components;
        this.state = state;
        this.writer = writer;
        this.capture = new NotFiniteCapture(components.store(), config.job());
    }

    /**
     * Computes the next step, up to the sums over all ranks.
     *
     * @throws StateDroppedException on every rank alike if the step stays not finite and state must be shared again
     * @throws TrainerExitException on every rank alike if the job cannot be trained like this
     * @throws io.swav.collective.CollectiveException if a peer is lost
     */
    StepResult compute(World world, GroupRange[] runs, Collective collective, long vote) {
        try {
            return attempt(runs, collective, vote);
        } catch (NotFiniteException first) {
            String what = "step " + state.step() + " is NaN or infinite (" + first.what() + ")";
            drop(what);
            LOG.warn("{}; nothing has changed, and it is computed again", what);
            try {
                StepResult second = attempt(runs, collective, vote);
                String harmless = what + "; computed again with the same samples it is finite";
                LOG.warn("{}", harmless);
                components.progress().notFinite(world.generation(), state.step(), null, podOfRank0(world), harmless);
                return second;
            } catch (NotFiniteException again) {
                drop(what);
                CropSource crops = crops(runs, collective);
                List<NotFiniteValue> found = components.machine().inspect(crops, runs[collective.rank()], state.step());
                throw decide(world, collective, what + ", also when it was computed again", found);
            }
        }
    }

    private StepResult attempt(GroupRange[] runs, Collective collective, long vote) {
        TrainStep machine = components.machine();
        machine.lossAndGradients(crops(runs, collective), runs, collective, state.step(), vote);
        return machine.averageGradients();
    }

    private CropSource crops(GroupRange[] runs, Collective collective) {
        long step = state.step();
        int rank = collective.rank();
        CropSource crops = (manager, group) -> {
            long start = System.nanoTime();
            List<NDArray> made = components.batches().group(manager, step, group);
            waited += System.nanoTime() - start;
            return made;
        };
        return components.faults().into(crops, step, rank, runs[rank].from());
    }

    /** Returns for how many nanoseconds this rank waited for images since the last call. */
    long waited() {
        long since = waited;
        waited = 0;
        return since;
    }

    private void drop(String why) {
        components.journal().event(JournalEvent.DROPPED, components.progress().generation(), state.step(), why);
    }

    private static String podOfRank0(World world) {
        return world.members().get(0).pod();
    }

    /**
     * Checks the state after the last step: no other step would show that it is not finite, and it could not be saved.
     *
     * @throws StateDroppedException see {@link #compute}
     * @throws TrainerExitException see {@link #compute}
     */
    void checkLast(World world, Collective collective) {
        TrainStep machine = components.machine();
        List<NotFiniteValue> found = NotFiniteValue.ofState(machine.model(), machine.optimizer());
        if (RankExchange.least(collective, found.isEmpty() ? 1 : 0) == 0) {
            String what = "the state after the last step, " + state.step() + ", is NaN or infinite";
            throw decide(world, collective, what, found);
        }
    }

    private RuntimeException decide(World world, Collective collective, String what, List<NotFiniteValue> found) {
        long step = state.step();
        boolean stateIsFinite = found.stream().noneMatch(NotFiniteValue::inState);
        long committed = writer.map(to -> to.status().committed()).orElse(0L);
        RankFacts facts = new RankFacts(failedAt, repairedAt, stateIsFinite, committed, writer.isPresent());
        int rank = collective.rank();
        String pod = world.members().get(rank).pod();
        NotFiniteReport mine = NotFiniteReport.of(rank, pod, facts, found, components.batches(), step);
        List<NotFiniteReport> ranks = RankExchange.texts(collective, NotFiniteReport.toJson(mine)).stream()
                .map(NotFiniteReport::ofJson)
                .toList();
        NotFiniteDecision decision = NotFiniteDecision.of(
                step, ranks.stream().map(NotFiniteReport::facts).toList());
        String where = what + ": " + NotFiniteReport.where(ranks);
        LOG.error("{}", where);
        String kept = capture.place(step);
        if (rank == 0) {
            components.progress().outside(); // waiting for the store is not a hang
            kept = capture.keep(world, step, decision, what, ranks);
        }
        RankExchange.barrier(collective); // no rank ends its pod while rank 0 writes
        String culprit = NotFiniteReport.culprits(ranks)
                .findFirst()
                .map(NotFiniteReport::pod)
                .orElse(podOfRank0(world));
        if (decision == NotFiniteDecision.FAIL) {
            boolean inSamples = ranks.stream()
                    .flatMap(one -> one.found().stream())
                    .anyMatch(one -> !one.samples().isEmpty());
            return new TrainerExitException(ExitCodes.NOT_FINITE, where + failure(step, kept, inSamples));
        }
        dropped = new Dropped(decision, step, culprit, where + kept);
        if (decision == NotFiniteDecision.RESUME) {
            failedAt = Math.max(failedAt, step);
            state.forget();
        } else {
            repairedAt = step;
            if (!stateIsFinite) {
                state.forget();
            }
        }
        return new StateDroppedException(where);
    }

    private String failure(long step, String kept, boolean inSamples) {
        String tried = writer.isEmpty()
                ? ". There is no checkpoint.uri, so there is no checkpoint to resume from"
                : ". It came again after training was resumed from a checkpoint";
        return tried + kept
                + (inSamples
                        ? ". Look at these samples; if they are sound, training diverges: "
                        : ". Training diverges: ")
                + NotFiniteException.ADVICE + ", in a new job. The checkpoints before step " + step
                + " are finite and stay as they are";
    }

    /** Reports what the state was shared again for; called when a world has formed. */
    void formed(World world) {
        Dropped reported = dropped;
        if (reported == null) {
            return;
        }
        dropped = null;
        // also if the ranks with a finite state were lost before they could share it
        boolean resumed = reported.decision() == NotFiniteDecision.RESUME || state.step() < reported.step();
        String outcome = resumed
                ? reported.what() + ". Training resumes from step " + state.step()
                : reported.what() + ". That state was replaced by another rank's, and no step is lost";
        LOG.warn("{}", outcome);
        if (resumed) {
            components.progress().rewound(reported.step() - state.step());
        }
        components
                .progress()
                .notFinite(world.generation(), reported.step(), resumed ? state.step() : null, reported.pod(), outcome);
    }
}
