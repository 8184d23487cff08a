package io.swav.membership;

import java.util.List;
import java.util.Random;

/** Makes trainers die with their connections reset, vanish silently, freeze, or lose the API server or one another. */
final class ModelFaults {
    /** When all faults end, including those of the network and the operator's mistakes. */
    static final int END = 5000;

    private final ModelTime time;
    private final Random random;
    private final ModelNetwork network;

    ModelFaults(ModelTime time, ModelNetwork network) {
        this.time = time;
        this.random = time.random;
        this.network = network;
    }

    void inject() {
        List<ModelTrainer> living =
                network.trainers.stream().filter(ModelTrainer::alive).toList();
        if (!living.isEmpty()) {
            ModelTrainer victim = living.get(random.nextInt(living.size()));
            ModelTrainer other = living.get(random.nextInt(living.size()));
            int ticks = 50 + random.nextInt(1200);
            switch (random.nextInt(6)) {
                case 0 -> victim.die(false);
                case 1 -> victim.die(true);
                case 2 -> {
                    victim.frozen = true;
                    time.after(ticks, () -> wake(victim));
                }
                case 3 -> {
                    victim.apiAway = true;
                    time.after(ticks, () -> victim.apiAway = false);
                }
                default -> {
                    network.part(victim, other);
                    time.after(ticks, () -> network.rejoin(victim, other));
                }
            }
        }
        if (time.now() < END - 300) {
            time.after(20 + random.nextInt(600), this::inject);
        }
    }

    private static void wake(ModelTrainer trainer) {
        trainer.frozen = false;
        trainer.pollSoon();
    }

    void heal() {
        network.rejoinAll();
        network.trainers.forEach(trainer -> {
            trainer.apiAway = false;
            wake(trainer);
        });
    }
}
