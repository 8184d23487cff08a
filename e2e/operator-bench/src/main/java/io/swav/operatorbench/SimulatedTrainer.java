package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.trainer.ReportSink;
import java.io.IOException;
import java.time.Instant;

/** A trainer that computes nothing, and reports through the real trainer's code as if it did. */
final class SimulatedTrainer {
    static final long STEPS = 100_000;
    private static final double STEP_SECONDS = 0.5;

    private final Pod pod;
    private final String address;
    private final ReportSink sink;
    private State state = State.Ready;
    private long generation;
    private long step;
    private long entered;

    SimulatedTrainer(Pod pod, String address, ReportSink sink) {
        this.pod = pod;
        this.address = address;
        this.sink = sink;
    }

    Pod pod() {
        return pod;
    }

    String uid() {
        return pod.getMetadata().getUid();
    }

    String job() {
        return BenchJob.nameOf(pod);
    }

    /** Sends the report of the next step. */
    synchronized void report() throws IOException {
        if (state == State.Training) {
            step++;
        }
        sink.send(current());
    }

    /** Enters the world, if it is a member. */
    synchronized boolean enter(World world) {
        boolean takesPart = state == State.Ready || state == State.Training;
        if (!takesPart
                || world.generation() <= generation
                || world.rankOf(uid()).isEmpty()) {
            return false;
        }
        generation = world.generation();
        entered = step;
        state = State.Training;
        return true;
    }

    /** Receives SIGTERM; false if it is leaving already. */
    synchronized boolean leave() {
        boolean first = state != State.Leaving && state != State.Done;
        if (first) {
            state = State.Leaving;
        }
        return first;
    }

    synchronized void finish() {
        step = STEPS;
        state = State.Done;
    }

    private TrainerReport current() {
        long kept = step - entered;
        TrainerReport.Regroup regroup = generation == 0
                ? null
                : new TrainerReport.Regroup(generation, entered == 0 ? null : 0.1, 0, kept, kept * STEP_SECONDS);
        return new TrainerReport(
                pod.getMetadata().getName(),
                uid(),
                state,
                address,
                generation,
                step,
                STEPS,
                0,
                8.0 - step * 1e-4,
                512.0,
                1500.0,
                null,
                0,
                null,
                null,
                false,
                state == State.Training ? 0.1 : null,
                regroup,
                null,
                "TCP",
                null,
                null,
                null,
                null,
                null,
                null,
                Instant.now().toString());
    }
}
