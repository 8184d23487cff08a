package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.WorldStatus;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Objects stay small whatever the number of pods, and one that does not fit is named. */
class LargeObjectsIT extends OperatedJob {
    private static final int REPLICAS = 1000;
    private static final ObjectMapper JSON = new ObjectMapper();

    LargeObjectsIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    private Resource<ConfigMap> map(String name) {
        return client.configMaps().inNamespace(namespace).withName(name);
    }

    @Test
    void aWorldOfAThousandFormsAndStaysSmall() throws Exception {
        apply("replicas: " + REPLICAS + ", training: {globalBatch: " + 64 * REPLICAS
                + ", groupSize: 64}, elastic: {minReplicas: " + REPLICAS
                + "}, recovery: {hungAfterSeconds: 3600}");
        soon().atMost(Duration.ofMinutes(4)).until(() -> pods().size() == REPLICAS);
        stopOperator(); // it would plan for each of the thousand changes
        makeReady(pods());
        startOperator();
        soon().atMost(Duration.ofMinutes(2))
                .untilAsserted(() ->
                        assertThat(requireNonNull(status().world()).size()).isEqualTo(REPLICAS));

        assertThat(bytes(
                        requireNonNull(map(ResourceNames.worldName("job")).get().getData())))
                .as("the world")
                .isLessThan(512_000);
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
    }

    private List<Pod> pods() {
        return client.pods()
                .inNamespace(namespace)
                .withLabel(ResourceNames.LABEL_JOB, "job")
                .list()
                .getItems();
    }

    /** Writes the pods' statuses one by one, as their kubelets, and their reports at once. */
    private void makeReady(List<Pod> pods) throws InterruptedException {
        ExecutorService kubelets = Executors.newFixedThreadPool(4);
        ObjectNode reports = JSON.createObjectNode();
        int port = 1024;
        for (Pod pod : pods) {
            String name = pod.getMetadata().getName();
            reports.put(
                    name,
                    JSON.createObjectNode()
                            .put("pod", name)
                            .put("uid", pod.getMetadata().getUid())
                            .put("state", "Ready")
                            .put("address", "10.0.0.1:" + port++)
                            .put("time", Instant.now().toString())
                            .toString());
            kubelets.execute(
                    () -> client.pods()
                            .inNamespace(namespace)
                            .withName(name)
                            .subresource("status")
                            .patch(
                                    PatchContext.of(PatchType.JSON_MERGE),
                                    "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"));
        }
        kubelets.shutdown();
        assertThat(kubelets.awaitTermination(6, TimeUnit.MINUTES)).isTrue();
        map(ResourceNames.progressName("job"))
                .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"data\":" + reports + "}");
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
