package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.World;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One job as the bench's watch sees it, with the times at which it saw what it waits for. */
final class BenchJob {
    private final String name;
    private final String namespace;
    private final JobKind kind;
    private final JobHistory history = new JobHistory();
    private int wanted;
    private final Set<String> alive = new HashSet<>();
    /** Signals whose world has not been seen, by uid of the pod: nanoseconds of {@link System#nanoTime}. */
    private final Map<String, Long> signals = new HashMap<>();

    private final List<Double> signalSeconds = new ArrayList<>();
    private long createdAt;
    private double podSeconds = -1;
    private World world = World.none("");
    private @Nullable Phase phase;
    private String message = "";

    /** @param wanted pods that the spec asks for, 0 for a suspended job */
    BenchJob(String name, String namespace, int wanted) {
        this.name = name;
        this.namespace = namespace;
        this.kind = JobKind.of(name);
        this.wanted = wanted;
    }

    /** Returns the name of the job that an object with the job's label belongs to. */
    static String nameOf(HasMetadata object) {
        return Objects.requireNonNull(object.getMetadata().getLabels().get(ResourceNames.LABEL_JOB));
    }

    String name() {
        return name;
    }

    String namespace() {
        return namespace;
    }

    JobKind kind() {
        return kind;
    }

    synchronized int wanted() {
        return wanted;
    }

    /** Records that its spec is about to ask for another number of pods. */
    synchronized void wants(int pods) {
        wanted = pods;
    }

    JobHistory history() {
        return history;
    }

    /** Records that its creation is about to be requested. */
    synchronized void creating() {
        createdAt = System.nanoTime();
    }

    synchronized void seen(SwavJobStatus now) {
        phase = now.phase();
        message = now.condition(ConditionType.Ready)
                .map(SwavJobStatus.JobCondition::message)
                .orElse("");
    }

    synchronized void seen(World now) {
        if (now.generation() > world.generation()) {
            world = now;
            history.generation(now.generation());
            long at = System.nanoTime();
            signals.entrySet().removeIf(signal -> {
                boolean answered = now.rankOf(signal.getKey()).isEmpty();
                if (answered) {
                    signalSeconds.add((at - signal.getValue()) / 1e9);
                }
                return answered;
            });
        }
    }

    synchronized void seen(Pod pod, boolean exists) {
        String uid = pod.getMetadata().getUid();
        boolean ended = Set.of("Succeeded", "Failed")
                .contains(String.valueOf(pod.getStatus().getPhase()));
        if (exists && !ended && pod.getMetadata().getDeletionTimestamp() == null) {
            alive.add(uid);
            if (podSeconds < 0 && alive.size() >= wanted) {
                podSeconds = (System.nanoTime() - createdAt) / 1e9;
            }
        } else {
            alive.remove(uid);
        }
        history.pod(uid, pod.getMetadata().getName(), !alive.contains(uid) && !ended);
        history.count(alive.size(), wanted, System.nanoTime());
    }

    /** Records that the bench is about to take this pod away. */
    synchronized void takes(String uid) {
        history.taken(uid);
    }

    /** Records that this pod is about to be taken away, and that the next world without it is to be timed. */
    synchronized void signal(String uid) {
        takes(uid);
        signals.put(uid, System.nanoTime());
    }

    synchronized int openSignals() {
        return signals.size();
    }

    synchronized List<Double> signalSeconds() {
        return List.copyOf(signalSeconds);
    }

    /** Returns the seconds from the request to create the job until the watch had seen all its pods. */
    synchronized Optional<Double> podSeconds() {
        return podSeconds < 0 ? Optional.empty() : Optional.of(podSeconds);
    }

    /** Whether the job has become what its kind is to be. */
    synchronized boolean isSettled() {
        return switch (kind) {
            case SUSPENDED -> phase == Phase.Suspended && alive.isEmpty();
            case PENDING, PROBE -> phase == Phase.Pending && alive.size() == wanted;
            case RUNNING ->
                phase == Phase.Running
                        && alive.size() == wanted
                        && world.size() == wanted
                        && alive.stream().allMatch(uid -> world.rankOf(uid).isPresent());
            case ENDED -> phase == Phase.Complete && alive.isEmpty();
        };
    }

    @Override
    public synchronized String toString() {
        return name + " (" + phase + ", " + alive.size() + " of " + wanted + " pods, world of " + world.size()
                + ", generation " + world.generation() + ": " + message + ")";
    }
}
