package io.swav.e2e;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.Contract;
import io.swav.api.PodReport;
import io.swav.api.World;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Plays kubelet and trainers of one job: writes pod statuses and reports, where a test needs no process. */
final class FakeTrainers {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final KubernetesClient client;
    private final String namespace;
    private final String job;

    FakeTrainers(KubernetesClient client, String namespace, String job) {
        this.client = client;
        this.namespace = namespace;
        this.job = job;
    }

    /** Names of the pods that exist, in the order of their numbers. */
    List<String> pods() {
        return client.pods().inNamespace(namespace).withLabel(Contract.LABEL_JOB, job).list().getItems().stream()
                .map(pod -> pod.getMetadata().getName())
                .sorted(Comparator.comparingInt(String::length).thenComparing(name -> name))
                .toList();
    }

    World world() {
        return Optional.ofNullable(client.configMaps()
                        .inNamespace(namespace)
                        .withName(Contract.worldName(job))
                        .get())
                .map(map -> map.getData().get(Contract.WORLD_KEY))
                .map(json -> read(json))
                .orElse(World.none(""));
    }

    void ready(String pod) {
        status(pod, running());
        report(pod, PodReport.State.Ready, 0, 0, null);
    }

    void training(String pod, long generation, long step) {
        report(pod, PodReport.State.Training, generation, step, null);
    }

    void done(String pod, long generation, long steps) {
        report(pod, PodReport.State.Done, generation, steps, null);
        status(pod, ended("Succeeded", 0, "Completed"));
    }

    void failed(String pod, int exitCode, String message) {
        report(pod, PodReport.State.Failed, 0, 0, message);
        status(pod, ended("Failed", exitCode, "Error"));
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
                        .withName(Contract.CONTAINER)
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

    private void report(String name, PodReport.State state, long generation, long step, @Nullable String message) {
        Pod pod = client.pods().inNamespace(namespace).withName(name).get();
        PodReport report = new PodReport(
                name,
                pod.getMetadata().getUid(),
                state,
                "10.0.0.1:" + (7000 + name.hashCode() % 1000),
                generation,
                generation,
                step,
                100,
                0,
                3.25,
                128.5,
                9.5,
                null,
                0,
                message,
                null,
                false,
                null,
                null,
                Instant.now().toString());
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName(Contract.progressName(job))
                        .withNamespace(namespace)
                        .endMetadata()
                        .withData(Map.of(name, write(report)))
                        .build())
                .fieldManager(name)
                .forceConflicts()
                .serverSideApply();
    }

    private static String write(PodReport report) {
        try {
            return JSON.writeValueAsString(report);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static World read(String json) {
        try {
            return JSON.readValue(json, World.class);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }
}
