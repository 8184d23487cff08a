package io.swav.operatorbench;

import io.fabric8.kubernetes.api.model.BindingBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.World;
import io.swav.common.DaemonThreads;
import io.swav.trainer.ReportSink;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stands in for the scheduler, the kubelets and the trainers of all jobs: pods of jobs with nodes become Ready and
 * report, those of the others are unschedulable, deleted pods go.
 */
final class SimulatedPods implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SimulatedPods.class);
    private static final int THREADS = 8;
    /** A trainer leaves at the end of its step. */
    private static final Duration UNTIL_GONE = Duration.ofSeconds(1);

    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Set<Integer> GONE_OR_DONE =
            Set.of(HttpURLConnection.HTTP_NOT_FOUND, HttpURLConnection.HTTP_CONFLICT);
    private static final String UNSCHEDULABLE = """
            {"status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
             "message": "0/16 nodes are available: 16 Insufficient nvidia.com/gpu.", "lastTransitionTime": "%s"}]}}""";
    private static final String RUNNING = """
            {"status": {"phase": "Running", "startTime": "%1$s", "podIP": "10.0.0.1", "conditions": [
               {"type": "Initialized", "status": "True", "lastTransitionTime": "%1$s"},
               {"type": "Ready", "status": "True", "lastTransitionTime": "%1$s"},
               {"type": "ContainersReady", "status": "True", "lastTransitionTime": "%1$s"},
               {"type": "PodScheduled", "status": "True", "lastTransitionTime": "%1$s"}],
             "containerStatuses": [{"name": "trainer", "image": "swav-trainer", "imageID": "", "ready": true,
               "restartCount": 0, "state": {"running": {"startedAt": "%1$s"}}}]}}""";
    private static final String SUCCEEDED = """
            {"status": {"phase": "Succeeded", "conditions": [
               {"type": "Ready", "status": "False", "lastTransitionTime": "%1$s"}],
             "containerStatuses": [{"name": "trainer", "image": "swav-trainer", "imageID": "", "ready": false,
               "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed",
                 "startedAt": "%1$s", "finishedAt": "%1$s"}}}]}}""";

    /** A request that may fail. */
    private interface Request {
        void send() throws IOException;
    }

    private final KubernetesClient client;
    private final SimulatedNodes nodes;
    private final int replicas;
    private final Duration reportEvery;
    private final ScheduledExecutorService kubelets =
            Executors.newScheduledThreadPool(THREADS, DaemonThreads.named("simulated-pods"));
    private final Set<String> started = ConcurrentHashMap.newKeySet();
    private final Set<String> leaving = ConcurrentHashMap.newKeySet();
    private final Map<String, SimulatedTrainer> trainers = new ConcurrentHashMap<>();
    /** Node by uid of the pod. */
    private final Map<String, String> places = new ConcurrentHashMap<>();

    private final AtomicLong reports = new AtomicLong();

    /**
     * Creates the pods' stand-in.
     *
     * @param replicas of a job
     * @param reportEvery how often a trainer looks whether a report is due, and makes a step; a real one looks every second
     */
    SimulatedPods(KubernetesClient client, SimulatedNodes nodes, int replicas, Duration reportEvery) {
        this.replicas = replicas;
        this.client = client;
        this.nodes = nodes;
        this.reportEvery = reportEvery;
    }

    long reports() {
        return reports.get();
    }

    /** Returns the trainers that run on a node. */
    List<SimulatedTrainer> on(String node) {
        return trainers.values().stream()
                .filter(trainer -> node.equals(places.get(trainer.uid())))
                .toList();
    }

    String nodeOf(SimulatedTrainer trainer) {
        return places.getOrDefault(trainer.uid(), "");
    }

    List<SimulatedTrainer> of(BenchJob job) {
        return trainers.values().stream()
                .filter(trainer -> trainer.job().equals(job.name())
                        && trainer.pod().getMetadata().getNamespace().equals(job.namespace()))
                .toList();
    }

    /** Takes note of a pod that was created or has changed. */
    void seen(Pod pod) {
        String uid = pod.getMetadata().getUid();
        if (pod.getMetadata().getDeletionTimestamp() != null) {
            if (leaving.add(uid)) {
                leave(pod);
            }
        } else if (started.add(uid)) {
            JobKind kind = JobKind.of(BenchJob.nameOf(pod));
            attempt(pod, () -> {
                if (kind.hasNodes()) {
                    run(pod);
                } else {
                    patchStatus(pod, UNSCHEDULABLE);
                }
            });
        }
    }

    void gone(Pod pod) {
        trainers.remove(pod.getMetadata().getUid());
        places.remove(pod.getMetadata().getUid());
    }

    /** Takes note of a job's new world. */
    void seen(BenchJob job, World world) {
        for (World.Member member : world.members()) {
            SimulatedTrainer trainer = trainers.get(member.uid());
            if (trainer != null && trainer.enter(world)) {
                if (job.kind() == JobKind.ENDED) {
                    trainer.finish();
                    attempt(trainer.pod(), () -> {
                        report(trainer);
                        patchStatus(trainer.pod(), SUCCEEDED);
                        trainers.remove(trainer.uid()); // the process has exited
                    });
                } else {
                    attempt(trainer.pod(), () -> report(trainer));
                }
            }
        }
    }

    private void run(Pod pod) throws IOException {
        String name = pod.getMetadata().getName();
        String namespace = pod.getMetadata().getNamespace();
        String node = nodes.take();
        places.put(pod.getMetadata().getUid(), node);
        bind(pod, node);
        SimulatedTrainer trainer = new SimulatedTrainer(
                pod,
                "10.0.0.1:" + (1024 + Math.floorMod(name.hashCode(), 60_000)),
                ReportSink.configMap(client, namespace, SimulatedTrainer.progressMap(pod)),
                replicas);
        trainers.put(trainer.uid(), trainer);
        patchStatus(pod, RUNNING);
        report(trainer);
        beat(trainer);
    }

    /** Binds the pod, unless an earlier try did whose answer was lost. */
    private void bind(Pod pod, String node) {
        try {
            client.bindings()
                    .inNamespace(pod.getMetadata().getNamespace())
                    .resource(new BindingBuilder()
                            .withNewMetadata()
                            .withName(pod.getMetadata().getName())
                            .endMetadata()
                            .withNewTarget()
                            .withApiVersion("v1")
                            .withKind("Node")
                            .withName(node)
                            .endTarget()
                            .build())
                    .create();
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                throw e;
            }
        }
    }

    private void beat(SimulatedTrainer trainer) {
        later(reportEvery, () -> {
            if (trainers.containsKey(trainer.uid()) && !leaving.contains(trainer.uid())) {
                try {
                    report(trainer);
                } catch (KubernetesClientException | IOException e) {
                    LOG.info("a report failed, and the next one follows: {}", e.getMessage());
                }
                beat(trainer);
            }
        });
    }

    private void report(SimulatedTrainer trainer) throws IOException {
        if (trainer.report()) {
            reports.incrementAndGet();
        }
    }

    private void leave(Pod pod) {
        SimulatedTrainer trainer = trainers.get(pod.getMetadata().getUid());
        if (trainer != null && trainer.leave()) {
            attempt(pod, () -> report(trainer));
        }
        later(UNTIL_GONE, () -> attempt(pod, () -> delete(pod)));
    }

    /** Removes the object, as a kubelet does once the containers have ended. */
    private void delete(Pod pod) {
        client.pods()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(pod.getMetadata().getName())
                .withGracePeriod(0)
                .delete();
    }

    private void patchStatus(Pod pod, String patch) {
        client.pods()
                .inNamespace(pod.getMetadata().getNamespace())
                .withName(pod.getMetadata().getName())
                .subresource("status")
                .patch(
                        PatchContext.of(PatchType.JSON_MERGE),
                        patch.formatted(Instant.now().truncatedTo(ChronoUnit.SECONDS)));
    }

    /** Sends requests for a pod, until they are accepted or the pod is gone. */
    private void attempt(Pod pod, Request request) {
        kubelets.execute(() -> {
            try {
                request.send();
            } catch (IOException | KubernetesClientException e) {
                boolean over = e instanceof KubernetesClientException answer && GONE_OR_DONE.contains(answer.getCode());
                if (!over) {
                    LOG.info("{}: {}", pod.getMetadata().getName(), e.getMessage());
                    later(RETRY, () -> attempt(pod, request));
                }
            }
        });
    }

    private void later(Duration time, Runnable task) {
        Future<?> unused = kubelets.schedule(task, time.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        kubelets.shutdownNow();
    }
}
