package io.swav.e2e;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.ExitCodes;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Stands in for the kubelet and the trainers of one job: writes pod statuses and reports without any process. */
final class FakeTrainers implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(FakeTrainers.class);
    private static final long BEAT_MILLIS = 1000;
    private static final Set<String> ENDED = Set.of("Succeeded", "Failed");
    private static final ObjectMapper JSON = new ObjectMapper();

    private final KubernetesClient client;
    private final String namespace;
    private final String job;
    private final Map<String, ObjectNode> reports = new HashMap<>();
    private final Timer beats = new Timer("beats", true);

    FakeTrainers(KubernetesClient client, String namespace, String job) {
        this.client = client;
        this.namespace = namespace;
        this.job = job;
        TimerTask beat = new TimerTask() {
            @Override
            public void run() {
                beat();
            }
        };
        beats.schedule(beat, BEAT_MILLIS, BEAT_MILLIS);
    }

    /** Names of the pods that exist, in the order of their numbers. */
    List<String> pods() {
        return pods(pod -> true);
    }

    /** Names of the pods that have not ended. */
    List<String> alive() {
        return pods(pod -> !ENDED.contains(String.valueOf(pod.getStatus().getPhase())));
    }

    private List<String> pods(Predicate<Pod> which) {
        return client.pods().inNamespace(namespace).withLabel(ResourceNames.LABEL_JOB, job).list().getItems().stream()
                .filter(which)
                .map(pod -> pod.getMetadata().getName())
                .sorted(Comparator.comparingInt(String::length).thenComparing(name -> name))
                .toList();
    }

    World world() {
        return Optional.ofNullable(client.configMaps()
                        .inNamespace(namespace)
                        .withName(ResourceNames.worldName(job))
                        .get())
                .map(map -> map.getData().get(ResourceNames.WORLD_KEY))
                .map(json -> read(json))
                .orElse(World.none(""));
    }

    void ready(String pod) {
        status(pod, running());
        report(pod, TrainerReport.State.Ready, 0, 0);
    }

    /** As {@link #ready}, for a pod whose status is written by a node. */
    void reportsReady(String pod) {
        report(pod, TrainerReport.State.Ready, 0, 0);
    }

    void training(String pod, long generation, long step) {
        report(pod, TrainerReport.State.Training, generation, step);
    }

    /** Reports training in a world that it joined by {@code regroup}. */
    void training(String pod, long step, TrainerReport.Regroup regroup) {
        training(pod, regroup.generation(), step);
        update(pod, Map.of("regroup", regroup));
    }

    void done(String pod, long generation, long steps) {
        report(pod, TrainerReport.State.Done, generation, steps);
        status(pod, ended("Succeeded", 0, "Completed"));
    }

    void failed(String pod, int exitCode, String message) {
        ended(pod, TrainerReport.State.Failed, exitCode, message);
    }

    /** Refuses to train, because its machine computes wrong. */
    void unfit(String pod, String message) {
        ended(pod, TrainerReport.State.Unfit, ExitCodes.CONFIG, message);
    }

    private void ended(String pod, TrainerReport.State state, int exitCode, String message) {
        report(pod, state, 0, 0);
        update(pod, Map.of("message", message));
        status(pod, ended("Failed", exitCode, "Error"));
    }

    /** Sets the condition DisruptionTarget of a pod that is Ready; "False" withdraws it. */
    void disruption(String pod, String status) {
        PodStatus ready = running();
        ready.getConditions()
                .add(new PodConditionBuilder()
                        .withType("DisruptionTarget")
                        .withStatus(status)
                        .withReason("PreemptionByScheduler")
                        .build());
        status(pod, ready);
    }

    /** Reports that the trainer has received SIGTERM. */
    void leaving(String pod, long generation) {
        report(pod, TrainerReport.State.Leaving, generation, 7);
    }

    /** Ends the pod as its kubelet does that evicts it. */
    void evicted(String pod, String message) {
        silent(pod);
        PodStatus status = ended("Failed", ExitCodes.PREEMPTED, "Error");
        status.setReason("Evicted");
        status.setMessage(message);
        status(pod, status);
    }

    /** Ends the pod as by SIGKILL, without a last report. */
    void killed(String pod) {
        silent(pod);
        status(pod, ended("Failed", 137, "Error"));
    }

    /** Changes these fields of the pod's report. */
    synchronized void update(String pod, Map<String, Object> fields) {
        ObjectNode report = requireNonNull(reports.get(pod), "no report of " + pod);
        fields.forEach((field, value) -> report.set(field, JSON.valueToTree(value)));
        send(pod, report);
    }

    /** Stops the trainer's reports. */
    synchronized void silent(String pod) {
        reports.remove(pod);
    }

    /**
     * Sends all reports again: trainers report at least every two seconds, even without changes, and continue while the API
     * server is unavailable.
     */
    private synchronized void beat() {
        try {
            reports.keySet().retainAll(pods());
            reports.forEach(this::send);
        } catch (KubernetesClientException e) {
            LOG.info("the API server does not accept the trainers' reports: {}", e.getMessage());
        }
    }

    @Override
    public void close() {
        beats.cancel();
    }

    private static PodStatus running() {
        return new PodStatusBuilder()
                .withPhase("Running")
                .withConditions(new PodConditionBuilder()
                        .withType("Ready")
                        .withStatus("True")
                        .build())
                .build();
    }

    private static PodStatus ended(String phase, int exitCode, String reason) {
        return new PodStatusBuilder()
                .withPhase(phase)
                .withContainerStatuses(new ContainerStatusBuilder()
                        .withName(ResourceNames.CONTAINER)
                        .withImage("swav-trainer")
                        .withImageID("")
                        .withReady(false)
                        .withRestartCount(0)
                        .withNewState()
                        .withNewTerminated()
                        .withExitCode(exitCode)
                        .withReason(reason)
                        .endTerminated()
                        .endState()
                        .build())
                .build();
    }

    private void status(String name, PodStatus status) {
        client.pods().inNamespace(namespace).withName(name).editStatus(pod -> {
            pod.setStatus(status);
            return pod;
        });
    }

    private synchronized void report(String name, TrainerReport.State state, long generation, long step) {
        Pod pod = client.pods().inNamespace(namespace).withName(name).get();
        ObjectNode report = JSON.createObjectNode()
                .put("pod", name)
                .put("uid", pod.getMetadata().getUid())
                .put("state", state.name())
                .put("address", "10.0.0.1:" + (7000 + name.hashCode() % 1000))
                .put("generation", generation)
                .put("collective", "NCCL 2.27.3")
                .put("step", step)
                .put("steps", 100)
                .put("loss", 3.25)
                .put("imagesPerSecond", 128.5);
        report.putObject("learning").put("embeddingSpread", 0.95);
        if (state == TrainerReport.State.Training) {
            report.put("stalledSeconds", 0.1);
        }
        reports.put(name, report);
        send(name, reports.get(name));
    }

    private void send(String name, ObjectNode report) {
        report.put("time", Instant.now().toString());
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName(ResourceNames.progressName(job))
                        .withNamespace(namespace)
                        .endMetadata()
                        .withData(Map.of(name, report.toString()))
                        .build())
                .fieldManager(name)
                .forceConflicts()
                .serverSideApply();
    }

    private static World read(String json) {
        try {
            return JSON.readValue(json, World.class);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }
}
