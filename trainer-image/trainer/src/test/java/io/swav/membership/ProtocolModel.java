package io.swav.membership;

import io.swav.collective.FrameHeader;
import io.swav.collective.PendingConnections;

/**
 * A model of the regroup protocol: {@link ModelTrainer trainers}, the {@link ModelNetwork network} between them and an
 * {@link ModelOperator operator} that may be wrong. It runs in one thread; a seed chooses every interleaving. The trainers
 * decide with the real code: {@link Membership}, {@link StateElection}, {@link LatestWorld}, {@link PendingConnections}
 * and {@link FrameHeader}. {@link ModelFaults} are injected for a while; afterwards the {@link ModelPromises} must hold.
 */
final class ProtocolModel {
    /** A rule that is left out; the model must detect it. */
    enum Mutant {
        NONE,
        /** The state with the fewest steps wins the election. */
        OLDEST_WINS,
        /** Outdated ranks continue training with their own state. */
        OUTDATED_RANKS_CONTINUE,
        /** A receiver discards its own state before it has the whole newer one. */
        RECEIVES_IN_PLACE,
        /** A rank leaves its world as soon as it has seen a later one itself. */
        SWITCHES_ALONE,
        /** Ranks train as soon as they have the state. */
        NO_BARRIER,
        /** Ranks wait without limit for peers that do not respond. */
        NEVER_ABANDONS,
        /** Ranks abandon their peers as soon as they see a later world. */
        ABANDONS_AT_ONCE,
        /** A rank that waits for one peer does not notice that another has hung up. */
        NEVER_CHECKS_OTHER_PEERS,
        /** Callers and messages of any generation are accepted. */
        ACCEPTS_ANY_GENERATION,
        /** Messages are accepted in any order. */
        ACCEPTS_ANY_FRAME,
        /** A trainer that the newest world does not name continues in its last one. */
        STAYS_WHEN_REMOVED
    }

    /** A promise was broken. */
    @SuppressWarnings("serial")
    static final class Violation extends RuntimeException {
        Violation(String what) {
            super(what);
        }
    }

    private static final int END = 11_000;
    /** Length of the final phase, in which at least one step has to be made. */
    private static final int LAST_TICKS = 1000;

    private ProtocolModel() {}

    /**
     * Runs the model once.
     *
     * @param faulty true to inject faults; false if pods only come and go with notice
     * @return steps in the history that survived
     * @throws Violation if a promise is broken
     */
    static long run(long seed, boolean faulty, Mutant mutant) {
        ModelTime time = new ModelTime(seed);
        ModelNetwork network = new ModelNetwork(time, faulty);
        ModelStates states = new ModelStates();
        ModelOperator operator =
                new ModelOperator(time, network, uid -> new ModelTrainer(uid, time, network, states, faulty, mutant));
        ModelFaults faults = new ModelFaults(time, network);
        time.at(0, operator::reconcile);
        if (faulty) {
            time.at(200, faults::inject);
        }
        time.at(ModelFaults.END, faults::heal);

        time.runUntil(END - LAST_TICKS);
        long before = new ModelPromises(operator.newest(), network.trainers).newestStep();
        time.runUntil(END);
        ModelPromises promises = new ModelPromises(operator.newest(), network.trainers);
        promises.check(before);
        return promises.newestStep();
    }
}
