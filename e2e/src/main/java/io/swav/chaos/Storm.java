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

/** Runs a job and lets the script happen to it, one event at a time, most of them when it has got over the one before. */
final class Storm implements AutoCloseable {
    private static final Duration LOOK = Duration.ofMillis(100);
    /** Longer than a grace period. */
    private static final Duration END = Duration.ofSeconds(60);
    /** Before a storm is cut off: what happens later is not got over, and looks like a loss. */
    private static final double LAST_CALM_SECONDS = 20;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * What happened.
     *
     * @param missed events that found no room, in words
     * @param wallSeconds from the application of the job to its end
     */
    record Outcome(List<InjectedFault> happenings, List<String> missed, double wallSeconds) {}

    /**
     * How.
     *
     * @param log gets a line of JSON for each event
     * @param apart whether each is a process of its own
     * @param seconds after the first step at which the job is cut off; 0 lets it end
     */
    record Setting(
            Path folder, Path log, StormScript.Wishes wishes, long steps, long seed, boolean apart, double seconds) {}

    private final LocalDeployment stack;
    private final SwavJob job;
    private final Setting setting;
    private final StatusLine line;
    private final KubernetesClient client;
    private final JournalTailer follower;
    private final Deque<Planned> script;
    private final List<InjectedFault> happenings = new ArrayList<>();
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
        this.follower = new JournalTailer(StormJob.journal(setting.folder()));
        this.script = new ArrayDeque<>(StormScript.plan(setting.wishes(), setting.steps(), setting.seed()));
        this.replicas = setting.wishes().replicas();
        this.nextNode = setting.wishes().nodes();
    }

    /** @throws LocalClusterException when the job fails or stalls */
    Outcome run() {
        long start = System.nanoTime();
        try (JobMonitor run = new JobMonitor(stack, job, line)) {
            run.start();
            while (run.look(Duration.ZERO).isEmpty() && !cut()) {
                follower.await(LOOK);
                clearTaints();
                if (absence != null) {
                    line.show("step " + follower.stepsDone() + " by the journals, " + absence.way());
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
                        + ": the job was still busy with what had happened before; give it more steps or fewer events")
                .toList();
        return new Outcome(happenings, missed, (System.nanoTime() - start) / 1e9);
    }

    private boolean cut() {
        return setting.seconds() > 0 && secondsDone() > setting.seconds();
    }

    /** Until then trainers make steps, and each notes them at its own time. */
    private void awaitEnd() {
        long end = System.nanoTime() + END.toNanos();
        while (!trainers().list().getItems().isEmpty()) {
            if (System.nanoTime() > end) {
                throw new LocalClusterException(
                        "trainers of a deleted job are still there after " + END.toSeconds() + " s");
            }
            follower.await(LOOK);
        }
    }

    private FilterWatchListDeletable<Pod, PodList, PodResource> trainers() {
        return pods().withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName());
    }

    private double secondsDone() {
        return follower.firstStep().isEmpty()
                ? 0
                : (now() - follower.firstStep().getAsLong()) / 1e6;
    }

    /** The world has made a step without those that were hit, and has shrunk as it was told to. */
    private boolean atPeace() {
        Set<String> members = follower.members();
        return follower.settled() && members.stream().noneMatch(hit::contains) && members.size() <= replicas;
    }

    private void next() {
        if (setting.seconds() > 0 && secondsDone() > setting.seconds() - LAST_CALM_SECONDS) {
            return;
        }
        Planned clock = StormScript.killByClock(setting.wishes(), clockKills + 1, setting.seed());
        boolean peace = atPeace();
        if (peace
                && setting.wishes().killEverySeconds() > 0
                && clock.due(follower.stepsDone(), secondsDone())
                && happen(clock)) {
            clockKills++;
            return;
        }
        Planned first = script.peek();
        if (first != null
                && first.due(follower.stepsDone(), secondsDone())
                && (first.hasty() || peace)
                && happen(first)) {
            script.remove();
        }
    }

    /** False when the world is too small for it now. */
    private boolean happen(Planned planned) {
        List<String> members = follower.members().stream()
                .filter(pod -> !hit.contains(pod))
                .filter(pod -> ProcessHandle.of(follower.pid(pod)).isPresent()) // else it has just gone by itself
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
                boolean othersGoOn =
                        members.size() > 1 || job.getSpec().elastic().spares() > 0;
                return othersGoOn && notice(planned, members, victim);
            }
            case NODE -> {
                return loseNode(planned, members);
            }
            case RESIZE -> {
                happened(planned.kind(), "scaled from " + replicas + " to " + planned.replicas(), List.of(), planned);
                replicas = planned.replicas();
                client.resource(job).scale(replicas);
                return true;
            }
            case API_AWAY, OPERATOR_AWAY -> {
                boolean api = planned.kind() == Kind.API_AWAY;
                String who = api ? "the API server" : "the operator";
                say(who + " stops for " + seconds(planned.seconds()));
                absence = new InjectedFault(
                        planned.kind(), who + " was away", now(), follower.stepsDone(), List.of(), 0, 0);
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
        pods.forEach(pod -> command.add(Long.toString(follower.pid(pod))));
        happened(planned.kind(), way, pods, planned);
        ProcessUtils.output(command);
        return true;
    }

    private boolean notice(Planned planned, List<String> members, String victim) {
        String way = planned.notice().words;
        switch (planned.notice()) {
            case DELETE -> {
                happened(planned.kind(), way, List.of(victim), planned);
                pods().withName(victim).delete();
            }
            case EVICT -> {
                happened(planned.kind(), way, List.of(victim), planned);
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
                happened(planned.kind(), way, names, planned);
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
        happened(planned.kind(), name + " lost", names(node.get().getValue()), planned);
        stack.loseNode(
                Integer.parseInt(name.substring(name.lastIndexOf('-') + 1)),
                node.get().getValue());
        stack.startNode(nextNode++); // as a cloud would send another
        return true;
    }

    /** A node with a member on it, without which others go on; and all the job's pods there. */
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

    /** A node whose trainers have gone stands for a new one. */
    private void clearTaints() {
        if (absence != null) {
            return;
        }
        List<String> clear = tainted.entrySet().stream()
                .filter(entry -> entry.getValue().stream().allMatch(follower::ended))
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
        long until = now(); // while it starts it is away, but nobody can say until when
        if (now.kind() == Kind.API_AWAY) {
            stack.startApiServer();
        } else {
            stack.startOperator();
        }
        absence = null;
        say(now.way().replace(" was away", " is back"));
        log(new InjectedFault(now.kind(), now.way(), now.at(), now.step(), List.of(), 0, until));
    }

    private void happened(Kind kind, String way, Collection<String> pods, Planned planned) {
        long at = now();
        say(way + (pods.isEmpty() ? "" : ": " + String.join(", ", pods)));
        hit.addAll(pods);
        log(new InjectedFault(kind, way, at, follower.stepsDone(), List.copyOf(pods), planned.replicas(), at));
    }

    private void log(InjectedFault happening) {
        happenings.add(happening);
        try {
            Files.writeString(
                    setting.log(),
                    JSON.writeValueAsString(happening) + "\n",
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new LocalClusterException("cannot write " + setting.log(), e);
        }
    }

    private void say(String what) {
        line.say("step " + follower.stepsDone() + ": " + what);
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
        follower.close();
        client.close();
    }
}
