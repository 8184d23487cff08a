package io.swav.trainer;

import io.swav.checkpoint.CheckpointCatalog;
import io.swav.data.CropBatches;
import io.swav.evaluation.QuickKnn;
import io.swav.learning.LearningMonitor;
import io.swav.membership.WorldFormation;
import io.swav.membership.WorldSource;
import io.swav.model.TrainStep;
import java.util.Optional;

/**
 * The components that a {@link Trainer} works with; the caller opens and closes them.
 *
 * @param schedule that {@code machine} takes its learning rate from
 * @param store of checkpoints
 * @param evaluation of the finished model, done by rank 0
 * @param learning makes the history of the job
 * @param faults that this trainer injects into itself
 */
public record TrainerComponents(
        TrainStep machine,
        TrainingSchedule schedule,
        CropBatches batches,
        WorldSource worlds,
        WorldFormation forming,
        Optional<CheckpointCatalog> store,
        Optional<QuickKnn> evaluation,
        LearningMonitor learning,
        TrainerProgress progress,
        TrainingJournal journal,
        TerminationNotice notice,
        InjectedFaults faults) {}
