package io.swav.membership;

import io.swav.collective.FrameHeader;
import io.swav.collective.PendingConnections;

/**
 * A model of the regroup protocol: {@link ModelTrainer trainers}, the {@link ModelNetwork network} between them and an
 * {@link ModelOperator operator} that may be wrong, in one thread, every interleaving chosen by a seed. What the trainers
 * decide they decide by the real code: {@link Membership}, {@link StateElection}, {@link LatestWorld}, {@link PendingConnections} and
 * {@link FrameHeader}. {@link ModelFaults} go on for a while; {@link ModelPromises} have to hold after them.
 */
final class ProtocolModel {
    /** One rule left out; the model has to notice. */
    enum Mutant {
        NONE,
        /** The state of the fewest steps goes on. */
        OLDEST_WINS,
        /** Ranks behind train on with what they have. */
        LAGGARDS_GO_ON,
        /** A receiver gives up its own state before it has the newer one whole. */
        RECEIVES_IN_PLACE,
        /** A rank leaves when it has seen a later world itself. */
        SWITCHES_ALONE,
        /** Ranks train as soon as they have the state. */
        NO_BARRIER,
        /** Peers that do not answer are waited for without end. */
        NEVER_ABANDONS,
        /** Peers are given up as soon as a later world is seen. */
        ABANDONS_AT_ONCE,
        /** Who waits for one peer does not see that another has hung up. */
        NEVER_LOOKS_AROUND,
        /** Callers and messages of any generation are welcome. */
        NO_FENCE,
        /** Messages are taken in whatever order they come. */
        TAKES_ANY_FRAME,
        /** A trainer that the newest world does not name goes on in its last one. */
        STAYS_WHEN_PUT_OUT
    }

    /** A promise was broken. */
    @SuppressWarnings("serial")
    static final class Violation extends RuntimeException {
        Violation(String what) {
            super(what);
        }
    }

    private static final int END = 11_000;
    /** Before the end, in which at least one step has to be made. */
    private static final int LAST_TICKS = 1000;

    private ProtocolModel() {}

    /**
     * One run.
     *
     * @param faulty whether anything fails, or pods only come and go on notice
     * @return steps in the history that survived
     * @throws Violation when a promise is broken
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
            time.at(200, faults::harm);
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
