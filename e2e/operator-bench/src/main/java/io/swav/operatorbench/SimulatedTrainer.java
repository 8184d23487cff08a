package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.EpochSchedule;
import io.swav.api.Fingerprints;
import io.swav.api.LearningFigures;
import io.swav.api.ReachReport;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.trainer.ReportSink;
import io.swav.trainer.ReportTurns;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.TreeMap;

/** A trainer that computes nothing, and reports through the real trainer's code as if it did. */
public final class SimulatedTrainer {
    static final long STEPS = 100_000;
    private static final double STEP_SECONDS = 0.5;
    /** As long as those of a real trainer whose settings the operator has. */
    private static final Fingerprints FINGERPRINTS = new Fingerprints(
            Fingerprints.digest(new byte[] {1}),
            1_281_167,
            Fingerprints.digest(new byte[] {2}),
            1,
            "0.1.0-SNAPSHOT " + Fingerprints.digest(new byte[] {3}),
            true,
            Fingerprints.digest(new byte[] {4}),
            Fingerprints.digest(new byte[] {5}),
            new TreeMap<>());

    private final int replicas;
    private final Pod pod;
    private final String address;
    private final ReportSink sink;
    private final ReportTurns turns = new ReportTurns();
    private State state = State.Ready;
    private long generation;
    private long step;
    private long entered;
    private World world = World.none("");

    /**
     * Creates a trainer that is Ready.
     *
     * @param sink for the map that {@link #progressMap} names
     * @param replicas of the job
     */
    public SimulatedTrainer(Pod pod, String address, ReportSink sink, int replicas) {
        this.replicas = replicas;
        this.pod = pod;
        this.address = address;
        this.sink = sink;
    }

    /** Returns the ConfigMap that the operator has given a pod for its reports. */
    public static String progressMap(Pod pod) {
        return pod.getSpec().getContainers().get(0).getEnv().stream()
                .filter(variable -> TrainerEnv.PROGRESS.equals(variable.getName()))
                .map(EnvVar::getValue)
                .findFirst()
                .orElseGet(() -> ResourceNames.progressName(BenchJob.nameOf(pod)));
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

    /**
     * Makes steps, and sends a report if one is due.
     *
     * @return whether one was sent
     */
    public synchronized boolean report() throws IOException {
        if (state == State.Training) {
            step++;
        }
        TrainerReport report = current();
        if (!turns.isDue(report, place(), System.nanoTime())) {
            return false;
        }
        sink.send(report);
        turns.accepted(report, System.nanoTime());
        return true;
    }

    private ReportTurns.Place place() {
        return world.size() == 0
                ? new ReportTurns.Place(-1, replicas)
                : new ReportTurns.Place(world.rankOf(uid()).orElse(-1), world.size());
    }

    /** Enters the world, if it is a member. */
    public synchronized boolean enter(World next) {
        boolean takesPart = state == State.Ready || state == State.Training;
        if (!takesPart || next.generation() <= generation || next.rankOf(uid()).isEmpty()) {
            return false;
        }
        world = next;
        generation = next.generation();
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

    private static final LearningFigures FIGURES =
            new LearningFigures(8.006, 0.9876, 1234.0, 5.432, 1.234, 0.0123, 12.34, 56.78, 0.0123);

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
                ReachReport.NONE,
                null,
                FINGERPRINTS,
                null,
                new EpochSchedule.Change(0L, 100),
                null,
                state == State.Training && kept > 0,
                ReportTurns.nextWithin(place().trainers()),
                FIGURES,
                List.of(),
                Instant.now().toString());
    }
}
