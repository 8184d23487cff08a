package io.swav.planner;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** The state of one pod, in the planner's terms. */
public sealed interface PodState {

    /**
     * The pod is not Ready, yet or at the moment.
     *
     * @param why what it waits for
     * @param hold what keeps it from starting; empty while the start takes its normal time
     */
    record Starting(String why, Optional<Hold> hold) implements PodState {

        public Starting(String why) {
            this(why, Optional.empty());
        }

        public Starting(Hold hold) {
            this(hold.toString(), Optional.of(hold));
        }
    }

    /** The pod can enter the next world; its trainer listens at {@code address}. */
    record Ready(String address) implements PodState {}

    /**
     * The pod still exists but has notice to leave: deletion, eviction, a taint of its node.
     *
     * @param overdue when it should be gone; set if its node does not respond, so that only the operator can remove it
     */
    record Terminating(String why, Optional<Instant> overdue) implements PodState {

        public Terminating(String why) {
            this(why, Optional.empty());
        }
    }

    /**
     * The trainer has reported a failure, and its exit code will say which.
     *
     * @param left how much longer it may take to exit
     */
    record Failing(String why, Duration left) implements PodState {}

    /** The trainer finished the job. */
    record Done() implements PodState {}

    /** The pod ended in another way. */
    record Ended(Cause cause, String why) implements PodState {}

    /** Why a pod ended. */
    enum Cause {
        /** It was removed from outside; never counted as a failure. */
        PREEMPTED,
        /** It failed by itself; another attempt may work. */
        FAILED,
        /** It used more memory or disk than it may: a failure of its own, for which its node is not to blame. */
        OVERUSED,
        /** It would fail again on any pod: wrong configuration. */
        PERMANENT,
        /** A step is not finite whatever is tried; every trainer of the job ended because of it. */
        NOT_FINITE,
        /** The data is missing or contains no images, for any pod. */
        NO_DATA;

        boolean isPermanent() {
            return this == PERMANENT || this == NO_DATA;
        }
    }

    /** Whether the pod counts towards the wanted pods. */
    default boolean isAlive() {
        return this instanceof Starting || this instanceof Ready || this instanceof Failing;
    }
}
