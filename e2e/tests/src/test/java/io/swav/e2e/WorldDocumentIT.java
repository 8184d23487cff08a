package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.ResourceNames;
import io.swav.membership.ConfigMapWorldSource;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(TestCluster.class)
class WorldDocumentIT {
    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final String WORLD =
            "{\"generation\": %s, \"job\": \"uid\", \"members\": [{\"pod\": \"a\", \"uid\": \"u\", \"address\": \"%s\"}]}";

    @Test
    void trainersFollowTheNextGoodWorldAfterAnyNonsenseInTheConfigMap(KubernetesClient client) {
        write(client, Map.of(ResourceNames.WORLD_KEY, WORLD.formatted(1, "10.0.0.1:7000")));
        try (ConfigMapWorldSource source = new ConfigMapWorldSource(client, "default", "nonsense", "uid")) {
            source.limit(8);
            Awaitility.await().atMost(LIMIT).until(() -> source.newest().generation() == 1);
            int generation = 1;
            for (Map<String, String> nonsense : List.of(
                    Map.of(ResourceNames.WORLD_KEY, WORLD.formatted("9223372036854775807", "10.0.0.1:7000")),
                    Map.of(ResourceNames.WORLD_KEY, WORLD.formatted("50", "10.0.0.1:99999")),
                    Map.of(ResourceNames.WORLD_KEY, "[".repeat(100_000)),
                    Map.of(ResourceNames.WORLD_KEY, " ".repeat(900_000)),
                    Map.of(ResourceNames.WORLD_KEY, "null"),
                    Map.of("other", "the world is elsewhere"),
                    Map.<String, String>of())) {
                write(client, nonsense);
                Awaitility.await().atMost(LIMIT).until(() -> source.problem().isPresent());
                assertThat(source.newest().generation()).isEqualTo(generation);
                assertThat(source.problem()).get().asString().startsWith("ConfigMap nonsense-world is ignored");
                generation++;
                write(client, Map.of(ResourceNames.WORLD_KEY, WORLD.formatted(generation, "10.0.0.1:7000")));
                source.awaitLater(generation - 1, LIMIT.toMillis());
                assertThat(source.newest().generation()).isEqualTo(generation);
                assertThat(source.problem()).isEmpty();
            }
        }
    }

    private static void write(KubernetesClient client, Map<String, String> data) {
        client.resource(new ConfigMapBuilder()
                        .withNewMetadata()
                        .withName(ResourceNames.worldName("nonsense"))
                        .withNamespace("default")
                        .endMetadata()
                        .withData(data)
                        .build())
                .createOr(io.fabric8.kubernetes.client.dsl.NonDeletingOperation::update);
    }
}
