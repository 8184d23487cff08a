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
 * The requests of this node that the API server rejects or does not answer. Each cause is logged when it appears and
 * when it is resolved, not with every attempt. While it lasts, it is listed in a file that {@code swav status} shows and
 * in an Event of each affected pod. While the API server does not answer at all, all attempts of all calls share one cause.
 */
final class ApiErrors {
    private static final Logger LOG = LoggerFactory.getLogger(ApiErrors.class);

    /** A kind of request to the API server, and what its failure means for pods. */
    enum Call {
        HEARTBEAT(
                "keep its nodes registered and Ready",
                "after about 40 s Kubernetes considers the nodes lost, and later evicts their pods"),
        BIND("bind pods to nodes", "the pods stay Pending"),
        EXPLAIN("write why a pod has no node", "the pod stays Pending and its status does not show the reason"),
        STATUS(
                "write the status of pods, or remove those that have ended",
                "Kubernetes does not see their state, and their containers are neither started nor stopped"),
        READ("read what a pod's containers are given", "the containers wait until it can be read"),
        EVENT("write Events of pods", "they appear only in this log");

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

    /** @param affected the affected pods, or the nodes themselves */
    private record Problem(String text, Instant since, Set<String> affected) {}

    private final Path file;
    private final Map<Cause, Problem> problems = new HashMap<>();

    /** @param file contains a line for each current problem; it does not exist while there are none */
    ApiErrors(Path file) {
        this.file = file;
        write();
    }

    /** The problem file of the node process whose first node has this number. */
    static Path file(Path dir, int first) {
        return dir.resolve("node-" + first + ".problems");
    }

    /** The current problems of that node process, oldest first, each preceded by its start time. */
    static List<String> read(Path dir, int first) {
        try {
            return Files.readAllLines(file(dir, first));
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @return whether this problem is new for {@code object} */
    synchronized boolean failed(Call call, String object, KubernetesClientException error) {
        Cause cause = Cause.of(call, error);
        Problem known = problems.get(cause);
        if (known != null) {
            return known.affected().add(object);
        }
        String text = describe(call, cause, object, error);
        LOG.warn("{}", text);
        problems.put(cause, new Problem(text, Instant.now(), new HashSet<>(Set.of(object))));
        write();
        return true;
    }

    /** The call succeeded: its problems are resolved for {@code object}, and the API server's silence is over for all. */
    synchronized void succeeded(Call call, String object) {
        boolean changed = solved(NO_ANSWER);
        for (Map.Entry<Cause, Problem> open : List.copyOf(problems.entrySet())) {
            Set<String> affected = open.getValue().affected();
            if (open.getKey().isOf(call) && affected.remove(object) && affected.isEmpty()) {
                changed |= solved(open.getKey());
            }
        }
        if (changed) {
            write();
        }
    }

    /** The pod no longer exists, whether or not its problems were resolved. */
    synchronized void forget(String object) {
        problems.values().forEach(problem -> problem.affected().remove(object));
        if (problems.values().removeIf(problem -> problem.affected().isEmpty())) {
            write();
        }
    }

    /** Clears all problems, because the node has ended. */
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

    /** What happened, what it means for the pods, and what to do. */
    private static String describe(Call call, Cause cause, String object, KubernetesClientException error) {
        if (cause.equals(NO_ANSWER)) {
            return "this node cannot reach the API server: " + error.getMessage()
                    + ". Running containers continue; nothing is scheduled, started or reported until it answers."
                    + " Check whether kube-apiserver is running (./swav status)";
        }
        return "this node cannot " + call.what + " (first: " + object + "): " + serverMessage(error)
                + ". Until it can, " + call.meaning + ". " + advice(error.getCode());
    }

    private static String advice(int code) {
        return switch (code) {
            case HttpURLConnection.HTTP_UNAUTHORIZED ->
                "The API server does not recognize the user of the node's kubeconfig: start the node with a valid one";
            case HttpURLConnection.HTTP_FORBIDDEN ->
                "Give the user of the node's kubeconfig this right, or start the node with another user;"
                        + " the node retries automatically";
            default -> "The node retries automatically; see the API server's log for details";
        };
    }

    /** The API server's message without the request's address. */
    static String serverMessage(KubernetesClientException error) {
        return error.getStatus() != null && error.getStatus().getMessage() != null
                ? error.getStatus().getMessage()
                : String.valueOf(error.getMessage());
    }

    /** False if the connection failed or no answer came in time. */
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
            LOG.error("{} could not be written, so ./swav status does not show this node's problems", file, e);
        }
    }
}
