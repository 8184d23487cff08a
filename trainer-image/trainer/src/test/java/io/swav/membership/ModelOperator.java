package io.swav.membership;

import io.swav.api.World;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;

/** Starts trainers and publishes worlds; it sees trainers' changes late, and is sometimes wrong. */
final class ModelOperator {
    private static final int END = 9000;
    private static final int MOST_TRAINERS = 5;

    private final ModelTime time;
    private final Random random;
    private final ModelNetwork network;
    private final Function<String, ModelTrainer> start;
    private World newest = World.none("job");

    /** @param start starts a trainer with the given uid */
    ModelOperator(ModelTime time, ModelNetwork network, Function<String, ModelTrainer> start) {
        this.time = time;
        this.random = time.random;
        this.network = network;
        this.start = start;
    }

    World newest() {
        return newest;
    }

    void reconcile() {
        boolean honest = time.now() >= ModelFaults.END;
        List<ModelTrainer> trainers = network.trainers;
        if (trainers.stream().filter(ModelTrainer::alive).count() < (honest ? 2 : MOST_TRAINERS)
                && random.nextInt(2) == 0) {
            ModelTrainer fresh =
                    start.apply("t" + (char) ('a' + trainers.size() / 26) + (char) ('a' + trainers.size() % 26));
            trainers.add(fresh);
            deliver(fresh, newest);
        }
        List<World.Member> next = new ArrayList<>();
        List<String> lost = new ArrayList<>();
        boolean removesAll = !honest && random.nextInt(40) == 0;
        for (World.Member member : newest.members()) {
            ModelTrainer trainer = network.trainer(member.uid());
            boolean known = !trainer.alive() && time.now() - trainer.diedAt > (trainer.vanished ? 300 : 40);
            boolean hung = trainer.frozen && random.nextInt(4) == 0;
            boolean leaves = !honest && random.nextInt(12) == 0;
            if (known || hung || leaves || removesAll) {
                if ((known || hung) && random.nextBoolean()) {
                    lost.add(member.uid());
                }
                trainer.notice |= leaves && random.nextBoolean();
            } else {
                next.add(member);
            }
        }
        for (ModelTrainer trainer : trainers) {
            if (trainer.isOutside()
                    && !trainer.frozen
                    && newest.rankOf(trainer.uid).isEmpty()
                    && (honest || random.nextInt(3) > 0)) {
                next.add(new World.Member(trainer.uid, trainer.uid, trainer.uid));
            }
        }
        if (!next.equals(newest.members()) || newest.hold() || (!honest && random.nextInt(30) == 0)) {
            boolean hold = !honest && next.size() < 2 && random.nextBoolean();
            newest = new World(newest.generation() + 1, "job", next, "model", hold, lost);
            trainers.forEach(trainer -> deliver(trainer, newest));
        }
        if (time.now() < END) {
            time.after(50L + random.nextInt(300), this::reconcile);
        }
    }

    /** Delivers the document or a later one, as watches do. */
    private void deliver(ModelTrainer to, World document) {
        time.after(network.delay(), () -> {
            if (to.frozen || to.apiAway) {
                time.after(10, () -> deliver(to, document));
            } else {
                to.receiveWorld(random.nextBoolean() ? document : newest);
            }
        });
    }
}
