package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Jobs whose pods start together; the test installs definitions with the names of the schedulers' own. */
class GangIT extends OperatedJob {
    private static final String OF_PLUGINS = "scheduling.x-k8s.io/v1alpha1";
    private static final String OF_VOLCANO = "scheduling.volcano.sh/v1beta1";
    private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);

    private final List<CustomResourceDefinition> installed = new ArrayList<>();

    GangIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    private static String job(int min, String gang) {
        return "replicas: 3, elastic: {growAfterSeconds: 0, minReplicas: " + min + "}, scheduling: {gang: " + gang
                + "}";
    }

    /** Discovery and obstacles are looked at again every few seconds, and the garbage collector's discovery too. */
    private static ConditionFactory inAWhile() {
        return await().atMost(Duration.ofSeconds(90)).ignoreExceptions();
    }

    private void install(String apiVersion) {
        String[] parts = apiVersion.split("/", 2);
        CustomResourceDefinition definition =
                Serialization.unmarshal("""
                apiVersion: apiextensions.k8s.io/v1
                kind: CustomResourceDefinition
                metadata: {name: podgroups.%1$s}
                spec:
                  group: %1$s
                  scope: Namespaced
                  names: {plural: podgroups, singular: podgroup, kind: PodGroup, listKind: PodGroupList}
                  versions:
                  - name: %2$s
                    served: true
                    storage: true
                    schema:
                      openAPIV3Schema:
                        type: object
                        properties:
                          spec:
                            type: object
                            properties:
                              minMember: {type: integer, minimum: 1}
                              queue: {type: string}
                              scheduleTimeoutSeconds: {type: integer}
                """.formatted(parts[0], parts[1]), CustomResourceDefinition.class);
        installed.add(definition);
        client.resource(definition).create();
    }

    @AfterEach
    void uninstall() {
        job().delete();
        installed.forEach(definition -> client.resource(definition).delete());
        inAWhile()
                .until(() -> installed.stream()
                        .allMatch(definition -> client.resource(definition).get() == null));
    }

    private Resource<GenericKubernetesResource> group(String apiVersion) {
        return client.genericKubernetesResources(apiVersion, "PodGroup")
                .inNamespace(namespace)
                .withName("job-trainer");
    }

    private Map<String, Object> spec(String apiVersion) {
        return requireNonNull(group(apiVersion).get().get("spec"));
    }

    private List<Pod> pods() {
        return client.pods().inNamespace(namespace).list().getItems();
    }

    private JobCondition stalled() {
        return status().condition(ConditionType.Stalled).orElseThrow();
    }

    @Test
    void withoutSuchASchedulerTheJobIsStalledAndStartsWhenThereIsOne() {
        apply(job(2, "Auto"));
        soon().untilAsserted(() -> {
            assertThat(stalled().status()).isEqualTo("True");
            assertThat(stalled().reason()).isEqualTo("GangUnavailable");
            assertThat(stalled().message())
                    .contains("spec.scheduling.gang Auto", "podgroups.scheduling.volcano.sh", "set", "to None");
        });
        assertThat(trainers.pods()).isEmpty();

        install(OF_PLUGINS);
        inAWhile().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        assertThat(spec(OF_PLUGINS)).containsEntry("minMember", 2);
        assertThat(pods())
                .as("those above the minimum, too: the scheduler counts members")
                .allSatisfy(pod -> assertThat(pod.getMetadata().getLabels())
                        .containsEntry("scheduling.x-k8s.io/pod-group", "job-trainer"));
        soon().untilAsserted(
                        () -> assertThat(status().isTrue(ConditionType.Stalled)).isFalse());
    }

    @Test
    void theGroupIsPutBackFollowsTheJobAndGoesWithIt() {
        install(OF_PLUGINS);
        apply(job(2, "SchedulerPlugins"));
        inAWhile().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        String first = group(OF_PLUGINS).get().getMetadata().getUid();

        // the operator looks every five seconds while pods wait for a node; only a look after the pods' creation
        // knows what was there
        inAWhile().untilAsserted(() -> {
            group(OF_PLUGINS).delete();
            soon().untilAsserted(() -> assertThat(spec(OF_PLUGINS)).containsEntry("minMember", 2));
            assertThat(events()).contains("ObjectRestored");
        });
        assertThat(group(OF_PLUGINS).get().getMetadata().getUid()).isNotEqualTo(first);

        group(OF_PLUGINS)
                .patch(
                        MERGE,
                        "{\"spec\": {\"minMember\": 9, \"scheduleTimeoutSeconds\": 7},"
                                + " \"metadata\": {\"labels\": null, \"ownerReferences\": null}}");
        soon().untilAsserted(() -> {
            assertThat(spec(OF_PLUGINS)).containsEntry("minMember", 2).containsEntry("scheduleTimeoutSeconds", 7);
            assertThat(group(OF_PLUGINS).get().getMetadata().getLabels()).containsEntry("swav.io/job", "job");
            assertThat(group(OF_PLUGINS).get().getMetadata().getOwnerReferences())
                    .hasSize(1);
        });

        apply(job(3, "SchedulerPlugins"));
        soon().untilAsserted(() -> assertThat(spec(OF_PLUGINS)).containsEntry("minMember", 3));
        apply(job(3, "None"));
        soon().untilAsserted(() ->
                assertThat(spec(OF_PLUGINS)).as("holds back no pod that waits").containsEntry("minMember", 1));
        assertThat(stalled().status()).isEqualTo("False");

        job().delete();
        inAWhile().until(() -> group(OF_PLUGINS).get() == null);
    }

    @Test
    void podsJoinRunningOnesAsTheseAreInVolcanosGroupOrInNone() {
        install(OF_VOLCANO);
        apply(job(2, "None"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        assertThat(pods()).allMatch(pod -> groupOf(pod) == null);
        apply(job(2, "Volcano"));
        inAWhile().untilAsserted(() -> assertThat(spec(OF_VOLCANO)).containsEntry("minMember", 2));
        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2", "job-3"));
        assertThat(pods()).as("alone in a group of two it would wait for ever").allMatch(pod -> groupOf(pod) == null);

        apply(job(2, "Volcano") + ", suspend: true");
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        apply(job(2, "Volcano") + ", suspend: false");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        assertThat(pods()).allSatisfy(pod -> {
            assertThat(groupOf(pod)).isEqualTo("job-trainer");
            assertThat(pod.getSpec().getSchedulerName()).isEqualTo("volcano");
        });
    }

    private static @Nullable String groupOf(Pod pod) {
        return Objects.requireNonNullElse(pod.getMetadata().getAnnotations(), Map.<String, String>of())
                .get("scheduling.k8s.io/group-name");
    }

    @Test
    void theGroupOfSomebodyElseIsLeftAndNamed() {
        install(OF_VOLCANO);
        inAWhile().until(() -> client.getApiResources(OF_VOLCANO) != null);
        inAWhile()
                .untilAsserted(() -> client.resource(new GenericKubernetesResourceBuilder()
                                .withApiVersion(OF_VOLCANO)
                                .withKind("PodGroup")
                                .withNewMetadata()
                                .withName("job-trainer")
                                .withNamespace(namespace)
                                .endMetadata()
                                .addToAdditionalProperties("spec", Map.of("minMember", 7))
                                .build())
                        .create());
        apply(job(2, "Volcano"));
        inAWhile().untilAsserted(() -> {
            assertThat(stalled().reason()).isEqualTo("NameTaken");
            assertThat(stalled().message()).contains("PodGroup job-trainer has a name that this job needs");
        });
        assertThat(trainers.pods()).isEmpty();
        assertThat(spec(OF_VOLCANO)).containsEntry("minMember", 7);
        group(OF_VOLCANO).delete();
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        assertThat(spec(OF_VOLCANO)).containsEntry("minMember", 2);
    }
}
