package io.swav.membership;

import io.swav.api.World;
import io.swav.membership.ModelStates.History;
import io.swav.membership.ProtocolModel.Violation;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The promises that must hold some time after the last fault. Each trainer itself checks those that hold at all times. */
record ModelPromises(World newest, List<ModelTrainer> trainers) {
    void check(long stepBefore) {
        trainingContinues(stepBefore);
        everyTrainerIsInTheNewestWorldOrOutside();
        Map<Long, History> surviving = oneHistory();
        trainers.forEach(trainer -> noStepTwice(trainer, surviving));
    }

    /** Returns the newest step of any member; −1 for none. */
    long newestStep() {
        return trainers.stream()
                .filter(this::isMember)
                .mapToLong(ModelTrainer::step)
                .max()
                .orElse(-1);
    }

    private boolean isMember(ModelTrainer trainer) {
        return newest.rankOf(trainer.uid).isPresent();
    }

    private void trainingContinues(long stepBefore) {
        if (newestStep() <= stepBefore) {
            throw new Violation("training stopped at step " + stepBefore + " in " + newest + "; all: " + trainers);
        }
    }

    private void everyTrainerIsInTheNewestWorldOrOutside() {
        for (ModelTrainer trainer : trainers) {
            if (trainer.alive() && !(isMember(trainer) ? trainer.trainsIn(newest) : trainer.isOutside())) {
                throw new Violation(trainer + ", but the newest world is " + newest + "; all: " + trainers);
            }
        }
    }

    /** Checks that all members share one history, and returns it by step. */
    private Map<Long, History> oneHistory() {
        Map<Long, History> surviving = new HashMap<>();
        trainers.stream().filter(this::isMember).forEach(trainer -> {
            for (History at = trainer.state; at != null; at = at.before) {
                History same = surviving.putIfAbsent(at.step, at);
                if (same != null && same != at) {
                    throw new Violation("two histories of step " + at.step + " survive");
                }
            }
        });
        return surviving;
    }

    private static void noStepTwice(ModelTrainer trainer, Map<Long, History> surviving) {
        long before = -1;
        for (History step : trainer.applied) {
            if (surviving.get(step.step) == step) {
                if (step.step <= before) {
                    throw new Violation(trainer.uid + " applied step " + step.step + " twice");
                }
                before = step.step;
            }
        }
    }
}
