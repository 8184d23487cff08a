package io.swav.chaos;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.NonNamespaceOperation;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalDeployment;
import io.swav.local.ProcessUtils;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** Injects faults into a running job, and chooses the pods and nodes that they hit. */
final class FaultInjector {
    private final LocalDeployment stack;
    private final KubernetesClient client;
    private final SwavJob job;
    private final JournalTailer tailer;
    private final FaultLog log;
    /** Trainers on each node with a spot taint. */
    private final Map<String, Set<String>> tainted = new LinkedHashMap<>();

    private int replicas;
    private int nextNode;
    private final NetworkFaults network;
    private Optional<OpenFault> open = Optional.empty();

    FaultInjector(
            LocalDeployment stack,
            KubernetesClient client,
            SwavJob job,
            StormScript.FaultPlan plan,
            JournalTailer tailer,
            FaultLog log,
            NetworkFaults network) {
        this.stack = stack;
        this.client = client;
        this.job = job;
        this.tailer = tailer;
        this.log = log;
        this.network = network;
        this.replicas = plan.replicas();
        this.nextNode = plan.nodes();
    }

    /** The number of trainers that was requested last. */
    int replicas() {
        return replicas;
    }

    /** The fault that has begun and is not over; no other is injected during it. */
    Optional<OpenFault> open() {
        return open;
    }

    /** Continues the open fault. */
    void advance() {
        open = open.filter(fault -> !fault.advance(log));
    }

    /** Ends what is open and reports what had no effect; called when the job has ended. */
    void finish() {
        open.ifPresent(fault -> fault.abandon(log));
        network.finish();
    }

    /** Injects the fault; false if the world is too small for it now. */
    boolean inject(Planned planned) {
        List<String> members = tailer.members().stream()
                .filter(pod -> !log.hit(pod))
                .filter(pod -> ProcessHandle.of(tailer.pid(pod)).isPresent()) // else it has just ended by itself
                .toList();
        if (members.isEmpty()) {
            return false;
        }
        String victim = members.get(Math.floorMod(planned.pick(), members.size()));
        switch (planned.kind()) {
            case KILL -> {
                return members.size() > 1 && signal(planned, "KILL", "SIGKILL", List.of(victim));
            }
            case HANG -> {
                return members.size() > 1 && signal(planned, "STOP", "SIGSTOP", List.of(victim));
            }
            case KILL_ALL_BUT_ONE -> {
                List<String> others =
                        members.stream().filter(m -> !m.equals(victim)).toList();
                return members.size() > 1 && signal(planned, "KILL", "SIGKILL to all but one", others);
            }
            case KILL_ALL -> {
                return signal(planned, "KILL", "SIGKILL to all", members);
            }
            case NOTICE -> {
                boolean othersContinue =
                        members.size() > 1 || job.getSpec().elastic().spares() > 0;
                return othersContinue && notice(planned, members, victim);
            }
            case NODE -> {
                return loseNode(planned, members);
            }
            case RESIZE -> {
                log.record(planned, "scaled from " + replicas + " to " + planned.replicas(), List.of());
                replicas = planned.replicas();
                scale(replicas);
                return true;
            }
            case API_AWAY, OPERATOR_AWAY -> {
                open = Optional.of(Outage.begin(stack, planned, tailer.stepsDone(), log));
                return true;
            }
            case STRANGER -> {
                return network.stranger(planned, victim);
            }
            case UNREACHABLE, OTHER_DATA -> {
                List<String> pods = existing();
                open = pods.size() < replicas + job.getSpec().elastic().spares()
                        ? Optional.empty() // a replacement that is yet to come would be taken for the newcomer
                        : network.newcomer(planned, pods, () -> scale(replicas + 1), () -> scale(replicas));
                return open.isPresent();
            }
            case FLIP, REPEAT, CUT, DELAY -> {
                open = planned.kind()
                        .lineFault()
                        .filter(fault -> members.size() > 1)
                        .map(fault -> network.damage(planned, fault, members));
                return open.isPresent();
            }
            case NAN, DRIFT -> throw new IllegalStateException("trainers inject this themselves: " + planned);
        }
        throw new IllegalStateException("no such event: " + planned.kind());
    }

    private void scale(int to) {
        client.resource(job).scale(to);
    }

    /** The pods that stay, as far as is known. */
    private List<String> existing() {
        return trainers().list().getItems().stream()
                .filter(pod ->
                        !List.of("Failed", "Succeeded").contains(pod.getStatus().getPhase()))
                .map(pod -> pod.getMetadata().getName())
                .toList();
    }

    private boolean signal(Planned planned, String signal, String way, List<String> pods) {
        List<String> command = new ArrayList<>(List.of("kill", "-s", signal));
        pods.forEach(pod -> command.add(Long.toString(tailer.pid(pod))));
        log.record(planned, way, pods);
        ProcessUtils.output(command);
        return true;
    }

    private boolean notice(Planned planned, List<String> members, String victim) {
        String way = planned.notice().words;
        switch (planned.notice()) {
            case DELETE -> {
                log.record(planned, way, List.of(victim));
                pods().withName(victim).delete();
            }
            case EVICT -> {
                log.record(planned, way, List.of(victim));
                if (!pods().withName(victim).evict()) {
                    throw new LocalClusterException("the API server refused to evict " + victim);
                }
            }
            case SIGTERM -> signal(planned, "TERM", way, List.of(victim));
            case TAINT -> {
                Optional<Map.Entry<String, List<Pod>>> node = node(planned, members);
                if (node.isEmpty()) {
                    return false;
                }
                List<String> names = names(node.get().getValue()).stream()
                        .filter(members::contains)
                        .toList();
                log.record(planned, way, names);
                SpotTaint.put(client, node.get().getKey());
                tainted.put(node.get().getKey(), new TreeSet<>(names));
            }
        }
        return true;
    }

    private boolean loseNode(Planned planned, List<String> members) {
        Optional<Map.Entry<String, List<Pod>>> node = node(planned, members);
        if (node.isEmpty()) {
            return false;
        }
        String name = node.get().getKey();
        log.record(planned, name + " lost", names(node.get().getValue()));
        stack.loseNode(
                Integer.parseInt(name.substring(name.lastIndexOf('-') + 1)),
                node.get().getValue());
        stack.startNode(nextNode++); // as a cloud would provide a replacement
        return true;
    }

    /** A node that hosts some but not all of the members, with all of the job's pods on it. */
    private Optional<Map.Entry<String, List<Pod>>> node(Planned planned, List<String> members) {
        Map<String, List<Pod>> byNode = new TreeMap<>();
        for (Pod pod : trainers().list().getItems()) {
            if (pod.getSpec().getNodeName() != null
                    && "Running".equals(pod.getStatus().getPhase())) {
                byNode.computeIfAbsent(pod.getSpec().getNodeName(), n -> new ArrayList<>())
                        .add(pod);
            }
        }
        List<Map.Entry<String, List<Pod>>> fit = byNode.entrySet().stream()
                .filter(entry -> !tainted.containsKey(entry.getKey()))
                .filter(entry -> {
                    long here = names(entry.getValue()).stream()
                            .filter(members::contains)
                            .count();
                    return here > 0 && here < members.size();
                })
                .toList();
        return fit.isEmpty() ? Optional.empty() : Optional.of(fit.get(Math.floorMod(planned.pick(), fit.size())));
    }

    /** Removes the taint of each node whose trainers have ended, so that it stands in for a new node. */
    void clearTaints() {
        List<String> clear = tainted.entrySet().stream()
                .filter(entry -> entry.getValue().stream().allMatch(tailer::ended))
                .filter(entry -> entry.getValue().stream().allMatch(this::gone))
                .map(Map.Entry::getKey)
                .toList();
        clear.forEach(node -> {
            tainted.remove(node);
            SpotTaint.take(client, node);
        });
    }

    private boolean gone(String pod) {
        Pod now = pods().withName(pod).get();
        return now == null
                || List.of("Failed", "Succeeded").contains(now.getStatus().getPhase());
    }

    private FilterWatchListDeletable<Pod, PodList, PodResource> trainers() {
        return pods().withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName());
    }

    private NonNamespaceOperation<Pod, PodList, PodResource> pods() {
        return client.pods().inNamespace(job.getMetadata().getNamespace());
    }

    private static List<String> names(List<Pod> pods) {
        return pods.stream().map(pod -> pod.getMetadata().getName()).toList();
    }
}
