package io.swav.chaos;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.NonNamespaceOperation;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.chaos.InjectedFault.Kind;
import io.swav.chaos.StormScript.Planned;
import io.swav.local.JobMonitor;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalDeployment;
import io.swav.local.ProcessUtils;
import io.swav.local.StatusLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Runs a job and injects the scripted faults one at a time, most of them only after it has recovered from the one before. */
final class Storm implements AutoCloseable {
    private static final Duration POLL_INTERVAL = Duration.ofMillis(100);
    /** How long the trainers of a deleted job may take to end: longer than a grace period. */
    private static final Duration END_LIMIT = Duration.ofSeconds(60);
    /** No fault is injected this close to the cut: the job could not recover from it, which would look like a loss. */
    private static final double LAST_CALM_SECONDS = 20;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * What the storm did.
     *
     * @param missed descriptions of the planned faults that were never injected
     * @param wallSeconds from applying the job to its end
     */
    record StormOutcome(List<InjectedFault> faults, List<String> missed, double wallSeconds) {}

    /**
     * How the storm is run.
     *
     * @param log receives a line of JSON for each fault
     * @param apart whether each node is a process of its own
     * @param seconds after the first step at which the job is deleted; 0 lets it complete
     */
    record Setting(
            Path folder,
            Path log,
            StormScript.FaultPlan faultPlan,
            long steps,
            long seed,
            boolean apart,
            double seconds) {}

    private final LocalDeployment stack;
    private final SwavJob job;
    private final Setting setting;
    private final StatusLine line;
    private final KubernetesClient client;
    private final JournalTailer tailer;
    private final Deque<Planned> script;
    private final List<InjectedFault> faults = new ArrayList<>();
    private final Set<String> hit = new HashSet<>();
    private final Map<String, Set<String>> tainted = new LinkedHashMap<>();
    private int replicas;
    private int nextNode;
    private int clockKills;
    private @Nullable InjectedFault absence;
    private long absenceEnds;

    Storm(LocalDeployment stack, SwavJob job, Setting setting, StatusLine line) {
        this.stack = stack;
        this.job = job;
        this.setting = setting;
        this.line = line;
        this.client = stack.client();
        this.tailer = new JournalTailer(StormJob.journal(setting.folder()));
        this.script = new ArrayDeque<>(StormScript.plan(setting.faultPlan(), setting.steps(), setting.seed()));
        this.replicas = setting.faultPlan().replicas();
        this.nextNode = setting.faultPlan().nodes();
    }

    /** @throws LocalClusterException when the job fails or stalls */
    StormOutcome run() {
        long start = System.nanoTime();
        try (JobMonitor run = new JobMonitor(stack, job, line)) {
            run.start();
            while (run.look(Duration.ZERO).isEmpty() && !cut()) {
                tailer.await(POLL_INTERVAL);
                clearTaints();
                if (absence != null) {
                    line.show("step " + tailer.stepsDone() + " according to the journals, " + absence.way());
                    endAbsence();
                } else {
                    next();
                }
            }
            if (cut()) {
                run.delete();
                awaitEnd();
            }
        }
        List<String> missed = script.stream()
                .filter(planned -> !cut())
                .map(planned -> "no room for the " + words(planned) + " planned at step " + planned.step()
                        + ": the job was still recovering from earlier faults. Give it more steps or fewer events")
                .toList();
        return new StormOutcome(faults, missed, (System.nanoTime() - start) / 1e9);
    }

    private boolean cut() {
        return setting.seconds() > 0 && secondsDone() > setting.seconds();
    }

    /** Waits until all trainers have ended: until then they make steps, and each records them at its own time. */
    private void awaitEnd() {
        long end = System.nanoTime() + END_LIMIT.toNanos();
        while (!trainers().list().getItems().isEmpty()) {
            if (System.nanoTime() > end) {
                throw new LocalClusterException(
                        "the job was deleted, but trainers of it still exist after " + END_LIMIT.toSeconds() + " s");
            }
            tailer.await(POLL_INTERVAL);
        }
    }

    private FilterWatchListDeletable<Pod, PodList, PodResource> trainers() {
        return pods().withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName());
    }

    private double secondsDone() {
        return tailer.firstStep().isEmpty() ? 0 : (now() - tailer.firstStep().getAsLong()) / 1e6;
    }

    /** Whether the newest world has made a step without the pods that were hit, and is no larger than requested. */
    private boolean recovered() {
        Set<String> members = tailer.members();
        return tailer.settled() && members.stream().noneMatch(hit::contains) && members.size() <= replicas;
    }

    private void next() {
        if (setting.seconds() > 0 && secondsDone() > setting.seconds() - LAST_CALM_SECONDS) {
            return;
        }
        Planned clock = StormScript.killByClock(setting.faultPlan(), clockKills + 1, setting.seed());
        boolean recovered = recovered();
        if (recovered
                && setting.faultPlan().killEverySeconds() > 0
                && clock.due(tailer.stepsDone(), secondsDone())
                && inject(clock)) {
            clockKills++;
            return;
        }
        Planned first = script.peek();
        if (first != null
                && first.due(tailer.stepsDone(), secondsDone())
                && (first.hasty() || recovered)
                && inject(first)) {
            script.remove();
        }
    }

    /** Injects the fault; false if the world is too small for it now. */
    private boolean inject(Planned planned) {
        List<String> members = tailer.members().stream()
                .filter(pod -> !hit.contains(pod))
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
                recordFault(
                        planned.kind(), "scaled from " + replicas + " to " + planned.replicas(), List.of(), planned);
                replicas = planned.replicas();
                client.resource(job).scale(replicas);
                return true;
            }
            case API_AWAY, OPERATOR_AWAY -> {
                boolean api = planned.kind() == Kind.API_AWAY;
                String component = api ? "the API server" : "the operator";
                say(component + " stops for " + seconds(planned.seconds()));
                absence = new InjectedFault(
                        planned.kind(), component + " was away", now(), tailer.stepsDone(), List.of(), 0, 0);
                absenceEnds = now() + (long) (planned.seconds() * 1e6);
                if (api) {
                    stack.stopApiServer();
                } else {
                    stack.stopOperator();
                }
                return true;
            }
        }
        throw new IllegalStateException("no such event: " + planned.kind());
    }

    private boolean signal(Planned planned, String signal, String way, List<String> pods) {
        List<String> command = new ArrayList<>(List.of("kill", "-s", signal));
        pods.forEach(pod -> command.add(Long.toString(tailer.pid(pod))));
        recordFault(planned.kind(), way, pods, planned);
        ProcessUtils.output(command);
        return true;
    }

    private boolean notice(Planned planned, List<String> members, String victim) {
        String way = planned.notice().words;
        switch (planned.notice()) {
            case DELETE -> {
                recordFault(planned.kind(), way, List.of(victim), planned);
                pods().withName(victim).delete();
            }
            case EVICT -> {
                recordFault(planned.kind(), way, List.of(victim), planned);
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
                recordFault(planned.kind(), way, names, planned);
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
        recordFault(planned.kind(), name + " lost", names(node.get().getValue()), planned);
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
    private void clearTaints() {
        if (absence != null) {
            return;
        }
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

    private void endAbsence() {
        InjectedFault now = absence;
        if (now == null || now() < absenceEnds) {
            return;
        }
        long until = now(); // taken before the start: how long it stays away while it starts is unknown
        if (now.kind() == Kind.API_AWAY) {
            stack.startApiServer();
        } else {
            stack.startOperator();
        }
        absence = null;
        say(now.way().replace(" was away", " is back"));
        log(new InjectedFault(now.kind(), now.way(), now.at(), now.step(), List.of(), 0, until));
    }

    private void recordFault(Kind kind, String way, Collection<String> pods, Planned planned) {
        long at = now();
        say(way + (pods.isEmpty() ? "" : ": " + String.join(", ", pods)));
        hit.addAll(pods);
        log(new InjectedFault(kind, way, at, tailer.stepsDone(), List.copyOf(pods), planned.replicas(), at));
    }

    private void log(InjectedFault fault) {
        faults.add(fault);
        try {
            Files.writeString(
                    setting.log(),
                    JSON.writeValueAsString(fault) + "\n",
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new LocalClusterException("cannot write " + setting.log(), e);
        }
    }

    private void say(String what) {
        line.say("step " + tailer.stepsDone() + ": " + what);
    }

    private static String words(Planned planned) {
        return planned.kind().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.0f s", seconds);
    }

    private static List<String> names(List<Pod> pods) {
        return pods.stream().map(pod -> pod.getMetadata().getName()).toList();
    }

    private NonNamespaceOperation<Pod, PodList, PodResource> pods() {
        return client.pods().inNamespace(job.getMetadata().getNamespace());
    }

    private static long now() {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
    }

    @Override
    public void close() {
        tailer.close();
        client.close();
    }
}
