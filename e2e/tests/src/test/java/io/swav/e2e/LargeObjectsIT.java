package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.WorldStatus;
import io.swav.api.World;
import io.swav.local.BackgroundProcess;
import io.swav.local.LocalControlPlane;
import io.swav.operatorbench.SimulatedTrainer;
import io.swav.trainer.ReportSink;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Objects stay small whatever the number of pods, and one that does not fit is named. */
class LargeObjectsIT extends OperatedJob {
    private static final int REPLICAS = 1000;
    private static final Logger LOG = LoggerFactory.getLogger(LargeObjectsIT.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    LargeObjectsIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    private Resource<ConfigMap> map(String name) {
        return client.configMaps().inNamespace(namespace).withName(name);
    }

    @Test
    void aWorldOfAThousandFormsStaysSmallAndReportsLikeASmallOne() throws Exception {
        // a thousand reports take longer than the ten seconds of other tests on a loaded machine: members would be hung
        apply("replicas: " + REPLICAS + ", training: {globalBatch: " + 64 * REPLICAS
                + ", groupSize: 64}, elastic: {minReplicas: " + REPLICAS + "}, recovery: {hungAfterSeconds: 60}");
        soon().atMost(Duration.ofMinutes(4)).until(() -> pods().size() == REPLICAS);
        stopOperator(); // it would plan for each of the thousand changes
        List<Pod> pods = pods();
        makeReady(pods);
        List<SimulatedTrainer> simulated = simulated(pods);
        assertCheap("when all are Ready", simulated);
        startOperator();
        soon().atMost(Duration.ofMinutes(2))
                .untilAsserted(() ->
                        assertThat(requireNonNull(status().world()).size()).isEqualTo(REPLICAS));

        assertThat(bytes(
                        requireNonNull(map(ResourceNames.worldName("job")).get().getData())))
                .as("the world")
                .isLessThan(512_000);
        stopOperator(); // its own requests are no part of a report's cost
        World world = trainers.world();
        assertThat(simulated).allMatch(trainer -> trainer.enter(world));
        assertCheap("when the world has made a step", simulated);
        startOperator();
        soon().atMost(Duration.ofMinutes(2))
                .untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));
        assertThat(bytes(status())).as("the status").isLessThan(10_000);
        assertThat(requireNonNull(status().world()))
                .extracting(WorldStatus::members)
                .satisfies(members -> assertThat(members).hasSize(16));
        assertThat(requireNonNull(status().conditions()))
                .extracting(JobCondition::message)
                .allSatisfy(message -> assertThat(message).hasSizeLessThan(1024));
        assertThat(client.v1().events().inNamespace(namespace).list().getItems())
                .extracting(Event::getMessage)
                .allSatisfy(message -> assertThat(message).hasSizeLessThan(1024));

        train(simulated, Duration.ZERO); // the turns that they have missed meanwhile
        int reports = train(simulated, Duration.ofSeconds(30));
        LOG.info("a world of {} trainers has sent {} reports in 30 s", REPLICAS, reports);
        assertThat(reports).as("one or two a second").isBetween(25, 60);
        assertThat(ledger().hangs()).isZero();
        assertThat(ledger().preemptions()).isZero();
        assertThat(trainers.world().generation()).isEqualTo(world.generation());
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isGreaterThan(4));
    }

    private List<SimulatedTrainer> simulated(List<Pod> pods) {
        List<SimulatedTrainer> all = new ArrayList<>();
        for (Pod pod : pods) {
            all.add(new SimulatedTrainer(
                    pod,
                    "10.0.0.1:" + (1024 + all.size()),
                    ReportSink.configMap(client, namespace, SimulatedTrainer.progressMap(pod)),
                    REPLICAS));
        }
        return all;
    }

    /** Lets every trainer report at once, beside one watch. */
    private void assertCheap(String when, List<SimulatedTrainer> simulated) throws Exception {
        long server = BackgroundProcess.find(cluster.dir(), "kube-apiserver")
                .orElseThrow()
                .pid();
        SharedIndexInformer<ConfigMap> watch =
                client.configMaps().inNamespace(namespace).inform();
        Duration before = cpu(server);
        AtomicInteger sent = new AtomicInteger();
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Future<Boolean>> done = new ArrayList<>();
        simulated.forEach(trainer -> done.add(threads.submit(() -> trainer.report() && sent.incrementAndGet() > 0)));
        for (Future<Boolean> each : done) {
            assertThat(each.get()).isTrue();
        }
        threads.shutdown();
        watch.close();
        double millis = cpu(server).minus(before).toMillis() / (double) sent.get();
        List<Integer> sizes = client.configMaps().inNamespace(namespace).list().getItems().stream()
                .filter(map -> map.getMetadata().getName().startsWith(ResourceNames.progressName("job")))
                .map(map -> map.getData().values().stream()
                        .mapToInt(value -> value.getBytes(StandardCharsets.UTF_8).length)
                        .sum())
                .toList();
        LOG.info("{}: {} ms of the API server's processor time a report, maps of {} bytes", when, millis, sizes);
        assertThat(millis)
                .as("ms of the API server's processor time a report, " + when)
                .isLessThan(10);
        assertThat(sizes).hasSize(40).allMatch(size -> size < 50_000);
    }

    private static Duration cpu(long pid) {
        return ProcessHandle.of(pid).orElseThrow().info().totalCpuDuration().orElseThrow();
    }

    /** Lets all trainers make a step and look whether a report is due every second; returns the number of reports. */
    private static int train(List<SimulatedTrainer> simulated, Duration time) {
        AtomicInteger sent = new AtomicInteger();
        Instant end = Instant.now().plus(time);
        await().pollInterval(Duration.ofSeconds(1)).atMost(time.plusSeconds(60)).until(() -> {
            for (SimulatedTrainer trainer : simulated) {
                sent.addAndGet(trainer.report() ? 1 : 0);
            }
            return Instant.now().isAfter(end);
        });
        return sent.get();
    }

    private List<Pod> pods() {
        return client.pods()
                .inNamespace(namespace)
                .withLabel(ResourceNames.LABEL_JOB, "job")
                .list()
                .getItems();
    }

    /** Writes the pods' statuses, as their kubelets. */
    private void makeReady(List<Pod> pods) throws InterruptedException {
        ExecutorService kubelets = Executors.newFixedThreadPool(4);
        for (Pod pod : pods) {
            kubelets.execute(
                    () -> client.pods()
                            .inNamespace(namespace)
                            .withName(pod.getMetadata().getName())
                            .subresource("status")
                            .patch(
                                    PatchContext.of(PatchType.JSON_MERGE),
                                    "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"));
        }
        kubelets.shutdown();
        assertThat(kubelets.awaitTermination(6, TimeUnit.MINUTES)).isTrue();
    }

    private static int bytes(Object value) throws JsonProcessingException {
        return JSON.writeValueAsString(value).getBytes(StandardCharsets.UTF_8).length;
    }

    /** Something else fills the object until the API server rejects what the operator adds. */
    @Test
    void aMapThatIsFullIsNamedAndHealsWhenItHasRoom() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        map(ResourceNames.worldName("job"))
                .patch(
                        PatchContext.of(PatchType.JSON_MERGE),
                        "{\"data\":{\"notes\":\"" + "x".repeat(room(ResourceNames.worldName("job"))) + "\"}}");
        trainers.killed("job-1");

        soon().untilAsserted(() -> {
            JobCondition stalled = status().condition(ConditionType.Stalled).orElseThrow();
            assertThat(stalled.reason()).isEqualTo("ObjectTooLarge");
            assertThat(stalled.status()).isEqualTo("True");
            assertThat(stalled.message())
                    .contains("ConfigMap job-world is too large")
                    .contains("1048576")
                    .contains("Remove what else was written into it");
        });
        map(ResourceNames.worldName("job")).patch(PatchContext.of(PatchType.JSON_MERGE), "{\"data\":{\"notes\":null}}");
        soon().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0");
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
    }

    /** Returns the bytes that another value may have in the map, less than the ledger grows by with an incident. */
    private int room(String name) {
        int used = map(name).get().getData().values().stream()
                .mapToInt(value -> value.getBytes(StandardCharsets.UTF_8).length)
                .sum();
        return (1 << 20) - used - 50;
    }
}
