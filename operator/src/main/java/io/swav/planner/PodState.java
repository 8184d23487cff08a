package io.swav.planner;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/** Where one pod stands, in the planner's words. */
public sealed interface PodState {

    /**
     * Not ready yet, or not at the moment.
     *
     * @param why what it waits for
     * @param hold what keeps it from starting; empty while it starts as pods do
     */
    record Starting(String why, Optional<Hold> hold) implements PodState {

        public Starting(String why) {
            this(why, Optional.empty());
        }

        public Starting(Hold hold) {
            this(hold.toString(), Optional.of(hold));
        }
    }

    /** Can enter the next world; its trainer listens at {@code address}. */
    record Ready(String address) implements PodState {}

    /**
     * Still there, but has notice to go: deletion, eviction, a taint of its node.
     *
     * @param overdue when it ought to have gone: set where its node does not answer, so that nobody else removes it
     */
    record Terminating(String why, Optional<Instant> overdue) implements PodState {

        public Terminating(String why) {
            this(why, Optional.empty());
        }
    }

    /**
     * The trainer has said that it failed, and its exit code will say how.
     *
     * @param left how long it may take to end
     */
    record Failing(String why, Duration left) implements PodState {}

    /** The trainer finished the job. */
    record Done() implements PodState {}

    /** Ended otherwise. */
    record Ended(Cause cause, String why) implements PodState {}

    /** Whose doing a death was. */
    enum Cause {
        /** Taken away from outside; never counted as a failure. */
        PREEMPTED,
        /** Failed by itself; another attempt may work. */
        FAILED,
        /** Would fail again on any pod: wrong configuration. */
        PERMANENT,
        /** The data is missing or no pictures, for any pod. */
        NO_DATA;

        boolean isPermanent() {
            return this == PERMANENT || this == NO_DATA;
        }
    }

    /** Whether the pod counts towards the pods that are wanted. */
    default boolean isAlive() {
        return this instanceof Starting || this instanceof Ready || this instanceof Failing;
    }
}
