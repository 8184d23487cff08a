package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ResourceQuota;
import io.fabric8.kubernetes.api.model.ResourceQuotaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Pods cannot be made, are kept, or belong to an earlier job: the job reports it, and continues when it can. */
class PodTroublesIT extends OperatedJob {
    private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

    PodTroublesIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void noPodIsMadeBesideThoseOfAnEarlierJobOfThisName() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        String before = Objects.requireNonNull(job().get()).getMetadata().getUid();
        job().withPropagationPolicy(DeletionPropagation.ORPHAN).delete();
        soon().untilAsserted(() -> assertThat(job().get()).isNull());

        apply("replicas: 2, elastic: {growAfterSeconds: 0}");
        soon().untilAsserted(() -> {
            assertThat(condition(ConditionType.Stalled).reason()).isEqualTo("OrphanedPods");
            assertThat(message(ConditionType.Ready))
                    .contains("job-0, job-1 of an earlier job of this name still run")
                    .contains("kubectl delete pods -n " + namespace + " job-0 job-1");
        });
        assertThat(trainers.pods()).containsExactly("job-0", "job-1");
        assertThat(ownersOf("job-0")).doesNotContain("SwavJob");

        client.pods().inNamespace(namespace).withName("job-0").delete();
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(trainers.pods()).allMatch(pod -> ownersOf(pod).contains("SwavJob"));
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
        assertThat(Objects.requireNonNull(job().get()).getMetadata().getUid()).isNotEqualTo(before);
    }

    @Test
    void aJobThatAFinalizerKeepsLetsItsPodsGo() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        finalizers("[\"example.com/hold\"]");
        job().delete();
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(members()).as("as for a suspension").isEmpty();
            assertThat(condition(ConditionType.Ready).reason()).isEqualTo("Deleting");
            assertThat(message(ConditionType.Ready))
                    .contains("finalizer example.com/hold keeps it. No pod of it runs, and none is created");
            assertThat(status().replicas()).isZero();
        });
        assertThat(events()).filteredOn("Deleting"::equals).hasSize(1);
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        finalizers("null");
        soon().untilAsserted(() -> assertThat(job().get()).isNull());
    }

    @Test
    void aDeletedJobLetsItsPodsGoAlthoughItsWorldCannotBeRead() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        finalizers("[\"example.com/hold\"]");
        client.configMaps()
                .inNamespace(namespace)
                .withName(ResourceNames.worldName("job"))
                .patch(MERGE, "{\"data\": {\"" + ResourceNames.WORLD_KEY + "\": \"mine\"}}");
        job().delete();
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        finalizers("null");
        soon().untilAsserted(() -> assertThat(job().get()).isNull());
    }

    @Test
    void aFullQuotaIsWaitedForAndNamed() {
        Resource<ResourceQuota> quota = client.resource(new ResourceQuotaBuilder()
                .withNewMetadata()
                .withName("few")
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withHard(Map.of("pods", new Quantity("1")))
                .endSpec()
                .build());
        quota.create();
        allow(quota, "1");
        apply("replicas: 2");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(1);
            assertThat(condition(ConditionType.Stalled))
                    .matches(stalled -> stalled.status().equals("False")
                            && stalled.reason().equals("Waiting")
                            && stalled.message().contains("exceeded quota: few"));
            assertThat(message(ConditionType.Ready)).contains("exceeded quota: few");
        });
        allow(quota, "5");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(message(ConditionType.Ready)).doesNotContain("quota");
        });
    }

    /** Names of pods are the job's numbers; somebody else's pod costs one of them. */
    @Test
    void aNameThatIsTakenIsLeftOut() {
        client.resource(new PodBuilder()
                        .withNewMetadata()
                        .withName("job-0")
                        .withNamespace(namespace)
                        .endMetadata()
                        .withNewSpec()
                        .addNewContainer()
                        .withName("other")
                        .withImage("other")
                        .endContainer()
                        .endSpec()
                        .build())
                .create();
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
        assertThat(client.v1().events().inNamespace(namespace).list().getItems())
                .filteredOn(event -> event.getReason().equals("PodsCreated"))
                .as("only what was created")
                .allMatch(event -> !event.getMessage().contains("job-0"));
    }

    @Test
    void anEndedPodThatAFinalizerKeepsIsDeletedAndReportedOnce() {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}, ttlSecondsAfterFinished: 1");
        podFinalizers("job-0", "[\"example.com/logs\"]");
        long generation = trainers.world().generation();
        trainers.done("job-0", generation, 100);
        trainers.done("job-1", generation, 100);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        for (int i = 0; i < 3; i++) { // each reconciles the job
            job().patch(MERGE, "{\"metadata\": {\"annotations\": {\"n\": \"" + i + "\"}}}");
        }
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(client.v1()
                                .events()
                                .inNamespace(namespace)
                                .list()
                                .getItems())
                        .filteredOn(event -> event.getReason().equals("PodsDeleted"))
                        .hasSize(1));
        podFinalizers("job-0", "null");
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
    }

    private JobCondition condition(ConditionType type) {
        return status().condition(type).orElseThrow();
    }

    private List<String> ownersOf(String pod) {
        return client.pods().inNamespace(namespace).withName(pod).get().getMetadata().getOwnerReferences().stream()
                .map(owner -> owner.getKind())
                .toList();
    }

    private void finalizers(String list) {
        job().patch(MERGE, "{\"metadata\": {\"finalizers\": " + list + "}}");
    }

    private void podFinalizers(String pod, String list) {
        client.pods()
                .inNamespace(namespace)
                .withName(pod)
                .patch(MERGE, "{\"metadata\": {\"finalizers\": " + list + "}}");
    }

    /** Does what the quota controller would do. */
    private static void allow(Resource<ResourceQuota> quota, String pods) {
        quota.edit(q -> new ResourceQuotaBuilder(q)
                .editSpec()
                .withHard(Map.of("pods", new Quantity(pods)))
                .endSpec()
                .build());
        quota.editStatus(q -> new ResourceQuotaBuilder(q)
                .editOrNewStatus()
                .withHard(Map.of("pods", new Quantity(pods)))
                .addToUsed(
                        "pods",
                        q.getStatus() == null || q.getStatus().getUsed() == null
                                ? new Quantity("0")
                                : q.getStatus().getUsed().getOrDefault("pods", new Quantity("0")))
                .endStatus()
                .build());
    }
}
