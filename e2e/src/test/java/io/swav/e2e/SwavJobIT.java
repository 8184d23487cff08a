package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.Contract;
import io.swav.api.SwavJob;
import io.swav.charts.Monitoring;
import io.swav.data.DataCommand;
import io.swav.local.LocalStack;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A SwavJob on a stack of its own: operator and nodes as processes, trainers that train. */
class SwavJobIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);

    @TempDir
    Path dir;

    @Test
    void trainsToItsEndInTwoPodsAndLeavesNothingWhenDeleted() throws Exception {
        DataCommand.synthesize(dir.resolve("data"), 128, 4, 16, 31);
        SwavJob job = Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: small, namespace: default}
                spec:
                  replicas: 2
                  elastic: {minReplicas: 2, maxReplicas: 2}
                  template:
                    spec: {containers: [{name: trainer, image: swav-trainer}]}
                  model: {architecture: tiny, stem: small, prototypes: 10, featureDim: 8, hiddenDim: 16}
                  data: {uri: file://%1$s/data/train}
                  crops: [{count: 2, size: 16, minScale: 0.3, maxScale: 1}]
                  training: {globalBatch: 32, groupSize: 16, epochs: 1, prototypesFrozenSteps: 1,
                    optimizer: {warmupEpochs: 0.5}}
                  checkpoint: {uri: file://%1$s/checkpoints, everySteps: 2}
                """.formatted(dir), SwavJob.class);
        Path stackDir = dir.resolve("stack");
        LocalStack stack = LocalStack.up(stackDir, 2, Map.of(), System.err::println);
        try (KubernetesClient client = stack.client()) {
            client.resource(job).create();
            SwavJob ended = await("the job ends")
                    .atMost(LIMIT)
                    .until(
                            () -> client.resource(job).get(),
                            j -> j.getStatus() != null
                                    && (j.getStatus().isTrue("Complete")
                                            || j.getStatus().isTrue("Failed")));
            assertThat(ended.getStatus().conditions())
                    .as("conditions")
                    .anyMatch(c -> c.type().equals("Complete") && c.status().equals("True"));
            assertThat(dir.resolve("checkpoints/export/backbone.safetensors")).isNotEmptyFile();
            assertThat(Monitoring.problems(metrics(stack)))
                    .as("what alerts and dashboard ask for, after a real run")
                    .isEmpty();

            client.resource(job).delete();
            await("the pods are collected")
                    .atMost(LIMIT)
                    .until(() -> client.pods()
                            .inNamespace("default")
                            .withLabel(Contract.LABEL_JOB, "small")
                            .list()
                            .getItems()
                            .isEmpty());
        } finally {
            LocalStack.down(stackDir);
        }
        assertThat(Files.exists(stackDir.resolve("etcd"))).isFalse();
    }

    private static String metrics(LocalStack stack) throws Exception {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(stack.awaitPage().resolve("metrics"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString())
                .body();
    }
}
