package io.swav.local;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the API server refuses this node, or does not answer. Each cause is logged when it appears and when it is over,
 * not with every try; while it lasts it stands in a file that {@code swav status} shows, and in an Event of each pod
 * that it concerns. All tries of all calls share one cause while the API server does not answer at all.
 */
final class ApiErrors {
    private static final Logger LOG = LoggerFactory.getLogger(ApiErrors.class);

    /** Something that the node asks of the API server, and what it means for pods when that fails. */
    enum Call {
        HEARTBEAT(
                "keep its nodes registered and Ready",
                "after about 40 s Kubernetes takes the nodes for lost, and later evicts their pods"),
        BIND("bind pods to nodes", "the pods stay Pending"),
        EXPLAIN("write why a pod has no node", "the pod stays Pending and does not say why"),
        STATUS(
                "write the status of pods, or remove those that have ended",
                "Kubernetes does not see what they do, and their containers are neither started nor stopped"),
        READ("read what a pod's containers are given", "the containers wait until it can be read"),
        EVENT("write Events of pods", "this log alone has them");

        private final String what;
        private final String meaning;

        Call(String what, String meaning) {
            this.what = what;
            this.meaning = meaning;
        }
    }

    /** @param code HTTP status of the answer, 0 for none */
    private record Cause(String what, int code) {
        static Cause of(Call call, KubernetesClientException error) {
            return answered(error) ? new Cause(call.what, error.getCode()) : NO_ANSWER;
        }

        boolean isOf(Call call) {
            return what.equals(call.what);
        }
    }

    private static final Cause NO_ANSWER = new Cause("reach the API server", 0);

    /** @param sufferers whom it concerns: pods, or the nodes themselves */
    private record Problem(String text, Instant since, Set<String> sufferers) {}

    private final Path file;
    private final Map<Cause, Problem> problems = new HashMap<>();

    /** @param file holds a line for each present problem; it does not exist while there is none */
    ApiErrors(Path file) {
        this.file = file;
        write();
    }

    /** The file of the node process whose first node has this number. */
    static Path file(Path dir, int first) {
        return dir.resolve("node-" + first + ".problems");
    }

    /** The present problems of that node process, the oldest first, each with the time when it began. */
    static List<String> read(Path dir, int first) {
        try {
            return Files.readAllLines(file(dir, first));
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @return whether it is news for this sufferer */
    synchronized boolean failed(Call call, String sufferer, KubernetesClientException error) {
        Cause cause = Cause.of(call, error);
        Problem known = problems.get(cause);
        if (known != null) {
            return known.sufferers().add(sufferer);
        }
        String text = describe(call, cause, sufferer, error);
        LOG.warn("{}", text);
        problems.put(cause, new Problem(text, Instant.now(), new HashSet<>(Set.of(sufferer))));
        write();
        return true;
    }

    /** The call was answered: what stood against it for this sufferer is over, and so is silence for all. */
    synchronized void succeeded(Call call, String sufferer) {
        boolean changed = solved(NO_ANSWER);
        for (Map.Entry<Cause, Problem> open : List.copyOf(problems.entrySet())) {
            Set<String> sufferers = open.getValue().sufferers();
            if (open.getKey().isOf(call) && sufferers.remove(sufferer) && sufferers.isEmpty()) {
                changed |= solved(open.getKey());
            }
        }
        if (changed) {
            write();
        }
    }

    /** The pod has gone, whether or not its problems are solved. */
    synchronized void forget(String sufferer) {
        problems.values().forEach(problem -> problem.sufferers().remove(sufferer));
        if (problems.values().removeIf(problem -> problem.sufferers().isEmpty())) {
            write();
        }
    }

    /** Nothing concerns a node that has ended. */
    synchronized void close() {
        problems.clear();
        write();
    }

    private boolean solved(Cause cause) {
        Problem problem = problems.remove(cause);
        if (problem != null) {
            LOG.info(
                    "this node can {} again, after {} s",
                    cause.what(),
                    Duration.between(problem.since(), Instant.now()).toSeconds());
        }
        return problem != null;
    }

    /** What happened, what it means, what to do. */
    private static String describe(Call call, Cause cause, String sufferer, KubernetesClientException error) {
        if (cause.equals(NO_ANSWER)) {
            return "this node cannot reach the API server: " + error.getMessage()
                    + ". Running containers run on; nothing is placed, started or reported until it answers."
                    + " Look whether kube-apiserver runs (./swav status)";
        }
        return "this node cannot " + call.what + " (first: " + sufferer + "): " + words(error) + ". Until it can, "
                + call.meaning + ". " + advice(error.getCode());
    }

    private static String advice(int code) {
        return switch (code) {
            case HttpURLConnection.HTTP_UNAUTHORIZED ->
                "The API server does not know the user of the node's kubeconfig: start the node with a valid one";
            case HttpURLConnection.HTTP_FORBIDDEN ->
                "Give the user of the node's kubeconfig this right, or start the node with another user;"
                        + " it tries again by itself";
            default -> "It tries again by itself; the API server's log says more";
        };
    }

    /** Those of the API server, without the request's address. */
    static String words(KubernetesClientException error) {
        return error.getStatus() != null && error.getStatus().getMessage() != null
                ? error.getStatus().getMessage()
                : String.valueOf(error.getMessage());
    }

    /** False when there was no connection, or no answer in time. */
    static boolean answered(KubernetesClientException error) {
        return error.getCode() > 0;
    }

    static String name(Pod pod) {
        return "pod " + pod.getMetadata().getNamespace() + "/"
                + pod.getMetadata().getName();
    }

    private void write() {
        try {
            if (problems.isEmpty()) {
                Files.deleteIfExists(file);
                return;
            }
            Files.write(
                    file,
                    problems.values().stream()
                            .sorted(Comparator.comparing(Problem::since))
                            .map(problem ->
                                    problem.since() + " " + problem.text().replaceAll("\\s+", " "))
                            .toList());
        } catch (IOException e) {
            LOG.error("{} could not be written, so that ./swav status does not show what this node cannot do", file, e);
        }
    }
}
