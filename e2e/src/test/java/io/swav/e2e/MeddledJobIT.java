package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.swav.api.ConditionType;
import io.swav.api.Contract;
import io.swav.local.LocalCluster;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Somebody deletes or overwrites what the operator has made for a job that trains. */
class MeddledJobIT extends OperatedJob {
    MeddledJobIT(KubernetesClient client, LocalCluster cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void whereTheWorldIsDeletedTrainersGoOnInALaterOneThroughADeathToTheEnd() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        long before = trainers.world().generation();
        worldMap().delete();
        formsAfter(before);

        trainers.killed("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2"));
        trainers.ready("job-2");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-2"));
        long last = trainers.world().generation();
        assertThat(last).isGreaterThan(before + 1);
        trainers.done("job-0", last, 100);
        trainers.done("job-2", last, 100);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo("Complete"));
    }

    @Test
    void aWorldThatCannotBeReadIsToldAndDeletingItIsTheWayOut() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        long before = trainers.world().generation();
        worldMap()
                .edit(map -> new ConfigMapBuilder(map)
                        .addToData(Contract.WORLD_KEY, "mine now")
                        .build());
        soon().untilAsserted(() -> {
            assertThat(status().condition(ConditionType.Stalled).orElseThrow().reason())
                    .isEqualTo("WorldUnreadable");
            assertThat(message(ConditionType.Ready)).contains("ConfigMap job-world cannot be read");
            assertThat(status().isTrue(ConditionType.Failed)).isFalse();
            assertThat(requireNonNull(status().world()).generation()).isEqualTo(before);
        });
        worldMap().delete();
        formsAfter(before);
        soon().untilAsserted(
                        () -> assertThat(status().isTrue(ConditionType.Stalled)).isFalse());
    }

    /** Of the two trainers, who train on in it. */
    private void formsAfter(long generation) {
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1");
            assertThat(trainers.world().generation()).isGreaterThan(generation);
        });
        trainers.training("job-0", trainers.world().generation(), 8);
        trainers.training("job-1", trainers.world().generation(), 8);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo("Running"));
    }

    private Resource<ConfigMap> worldMap() {
        return client.configMaps().inNamespace(namespace).withName(Contract.worldName("job"));
    }
}
