package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.rbac.Subject;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** A training job survives that a user deletes or overwrites objects that the operator created for it. */
class MeddledJobIT extends OperatedJob {
    MeddledJobIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void trainingContinuesInALaterWorldWhenTheWorldIsDeleted() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        long before = trainers.world().generation();
        deleteWorld();
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
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Complete));
    }

    @Test
    void anUnreadableWorldIsReportedAndDeletingItResolvesThis() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        long before = trainers.world().generation();
        worldMap()
                .edit(map -> new ConfigMapBuilder(map)
                        .addToData(ResourceNames.WORLD_KEY, "mine now")
                        .build());
        soon().untilAsserted(() -> {
            assertThat(status().condition(ConditionType.Stalled).orElseThrow().reason())
                    .isEqualTo("WorldUnreadable");
            assertThat(message(ConditionType.Ready)).contains("ConfigMap job-world cannot be read");
            assertThat(status().isTrue(ConditionType.Failed)).isFalse();
            assertThat(requireNonNull(status().world()).generation()).isEqualTo(before);
        });
        deleteWorld();
        formsAfter(before);
        soon().untilAsserted(
                        () -> assertThat(status().isTrue(ConditionType.Stalled)).isFalse());
    }

    @Test
    void createsNoNewHandshakeKeyUntilAllPodsRestartWhenItIsDeleted() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        Map<String, String> key = secret().get().getData();
        secret().delete();
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> {
            assertThat(status().condition(ConditionType.Stalled).orElseThrow().reason())
                    .isEqualTo("HandshakeLost");
            assertThat(message(ConditionType.Ready)).contains("Secret job-handshake was deleted");
            assertThat(members()).as("continues training").containsExactly("job-0");
        });
        assertThat(trainers.pods()).containsExactly("job-0");
        assertThat(secret().get()).isNull();

        apply("replicas: 2, elastic: {growAfterSeconds: 0}, suspend: true");
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        apply("replicas: 2, elastic: {growAfterSeconds: 0}, suspend: false");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
        assertThat(secret().get().getData()).isNotEqualTo(key);
    }

    @Test
    void theMapOfReportsIsCreatedAgainWhenItIsDeleted() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        Resource<ConfigMap> reports =
                client.configMaps().inNamespace(namespace).withName(ResourceNames.progressName("job"));
        String before = reports.get().getMetadata().getUid();
        reports.delete();
        soon().untilAsserted(() -> assertThat(reports.get())
                .isNotNull()
                .extracting(map -> map.getMetadata().getUid())
                .isNotEqualTo(before));
        trainers.training("job-0", trainers.world().generation(), 9);
        trainers.training("job-1", trainers.world().generation(), 9);
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(9));
    }

    @Test
    void trainersMayStillReportWhenTheTemplateNamesAnotherAccount() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        apply("replicas: 2, elastic: {growAfterSeconds: 0}", "serviceAccountName: another");
        soon().untilAsserted(() -> assertThat(client.rbac()
                        .roleBindings()
                        .inNamespace(namespace)
                        .withName(ResourceNames.trainerName("job"))
                        .get()
                        .getSubjects())
                .extracting(Subject::getName)
                .containsExactly("another", "job-trainer"));
    }

    private Resource<Secret> secret() {
        return client.secrets().inNamespace(namespace).withName(ResourceNames.handshakeName("job"));
    }

    /** Waits for a later world of the two trainers, and lets them train in it. */
    private void formsAfter(long generation) {
        soon().untilAsserted(() -> {
            assertThat(members()).containsExactly("job-0", "job-1");
            assertThat(trainers.world().generation()).isGreaterThan(generation);
        });
        trainers.training("job-0", trainers.world().generation(), 8);
        trainers.training("job-1", trainers.world().generation(), 8);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));
    }

    /** Deletes the map while the operator does not write it: an apply under way would create it again, with the same world. */
    private void deleteWorld() {
        AtomicReference<String> version = new AtomicReference<>("");
        soon().pollInterval(Duration.ofMillis(500)).until(() -> {
            String now = worldMap().get().getMetadata().getResourceVersion();
            return now.equals(version.getAndSet(now));
        });
        worldMap().delete();
    }

    private Resource<ConfigMap> worldMap() {
        return client.configMaps().inNamespace(namespace).withName(ResourceNames.worldName("job"));
    }
}
