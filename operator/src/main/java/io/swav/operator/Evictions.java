package io.swav.operator;

import io.fabric8.kubernetes.api.model.Pod;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads from a pod's status why its kubelet ended it, or did not admit it: because of the node, or because the pod used
 * more than it may. The words are those of the kubelet's eviction manager (pkg/kubelet/eviction, Kubernetes 1.16 to
 * 1.36): it has no field for this, and its condition DisruptionTarget is on both kinds of evictions under node pressure.
 */
final class Evictions {
    /** status.reason of pods that a kubelet did not admit, or ended. */
    private static final Set<String> TAKEN_AWAY = Set.of(
            "Evicted",
            "Preempting",
            "NodeLost",
            "NodeShutdown",
            "Shutdown",
            "Terminated",
            "NodeAffinity",
            "TopologyAffinityError",
            "UnexpectedAdmissionError");

    /** The reason is this prefix and the resource's name: cpu, pods, nvidia.com/gpu. */
    private static final String OUT_OF = "OutOf";

    private static final Pattern POD_STORAGE =
            Pattern.compile("Pod ephemeral local storage usage exceeds the total limit of containers (\\S+?)\\.?\\s*$");
    private static final Pattern CONTAINER_STORAGE =
            Pattern.compile("Container (\\S+) exceeded its local ephemeral storage limit \"([^\"]*)\"");
    private static final Pattern EMPTY_DIR =
            Pattern.compile("Usage of EmptyDir volume \"([^\"]*)\" exceeds the limit \"([^\"]*)\"");

    private static final Pattern STARVED = Pattern.compile("The node was low on resource: ([^.\\s]+)\\.");
    /** Matches a container's use and request, in the words since 1.26 and in those before. */
    private static final Pattern OVER_REQUEST = Pattern.compile(
            "Container (\\S+) was using (\\S+?),(?: request is| which exceeds its request of) (\\S+?)[.,](?:\\s|$)");

    private Evictions() {}

    /** Returns why a kubelet did not admit the pod, or evicted it. */
    static Optional<String> takenAway(Pod pod) {
        String reason = pod.getStatus().getReason();
        String message = pod.getStatus().getMessage();
        return Optional.ofNullable(reason)
                .filter(r -> TAKEN_AWAY.contains(r) || r.startsWith(OUT_OF))
                .map(r -> message == null ? r : r + ": " + message);
    }

    /**
     * Returns what the pod did to be evicted, and what to raise; empty if it was not evicted, or stayed within what it may
     * use. Disk space without a request is not its fault: the others on the node may have filled the disk, and the
     * kubelet has to begin somewhere.
     */
    static Optional<String> ownFault(Pod pod) {
        if (pod.getStatus() == null || !"Evicted".equals(pod.getStatus().getReason())) {
            return Optional.empty();
        }
        String message = Optional.ofNullable(pod.getStatus().getMessage()).orElse("");
        return podStorage(message)
                .or(() -> containerStorage(message))
                .or(() -> emptyDir(message))
                .or(() -> overRequest(message));
    }

    private static Optional<String> podStorage(String message) {
        return found(POD_STORAGE, message)
                .map(m -> "evicted for its use of ephemeral storage: more than " + m.group(1)
                        + ", the limit of all containers. Raise resources.limits.ephemeral-storage, or write less to"
                        + " the container's disk, emptyDir volumes and logs");
    }

    private static Optional<String> containerStorage(String message) {
        return found(CONTAINER_STORAGE, message)
                .map(m -> "evicted for its use of ephemeral storage: container " + m.group(1) + " used more than "
                        + m.group(2) + ". Raise its resources.limits.ephemeral-storage, or write less");
    }

    private static Optional<String> emptyDir(String message) {
        return found(EMPTY_DIR, message)
                .map(m -> "evicted for its use of an emptyDir volume: " + m.group(1) + " has more than " + m.group(2)
                        + ". Raise its sizeLimit, or write less to it");
    }

    private static Optional<String> overRequest(String message) {
        Optional<String> starved = found(STARVED, message).map(m -> m.group(1));
        if (starved.isEmpty() || !Set.of("memory", "ephemeral-storage").contains(starved.get())) {
            return Optional.empty();
        }
        List<String> over = new ArrayList<>();
        Matcher container = OVER_REQUEST.matcher(message);
        while (container.find()) {
            if (starved.get().equals("memory") || !container.group(3).equals("0")) {
                over.add("container " + container.group(1) + " used " + container.group(2) + " with a request of "
                        + container.group(3));
            }
        }
        return over.isEmpty()
                ? Optional.empty()
                : Optional.of("evicted for its use of " + starved.get() + ": " + String.join(", ", over)
                        + " when its node ran low. Raise resources.requests." + starved.get()
                        + " to what the container needs, so that it gets a node that has it");
    }

    private static Optional<Matcher> found(Pattern pattern, String message) {
        Matcher matcher = pattern.matcher(message);
        return matcher.find() ? Optional.of(matcher) : Optional.empty();
    }
}
