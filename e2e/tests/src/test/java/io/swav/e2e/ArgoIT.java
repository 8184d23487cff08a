package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.autoscaling.v1.Scale;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ExitCodes;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.charts.ArgoLua;
import io.swav.charts.Chart;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests Argo CD's view of jobs with the operator that {@code kubectl apply -k charts/kustomize} installs: health in every
 * phase, actions, and manifests that are forcibly applied again and again.
 */
@ExtendWith(TestCluster.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArgoIT {
    private static final String NAMESPACE =
            "argo-" + UUID.randomUUID().toString().substring(0, 8);
    private static final String SPEC = """
            {replicas: 2, elastic: {minReplicas: 2, maxReplicas: 3, growAfterSeconds: 0}, data: {uri: file:///data},
             model: {prototypes: 100}, checkpoint: {uri: file:///checkpoints},
             template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}}
            """;

    private final KubernetesClient client;
    private final LocalControlPlane cluster;
    private Path dir = Path.of("");
    private List<JsonNode> objects = List.of();
    private AutoCloseable installed = () -> {};

    ArgoIT(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    @BeforeAll
    void install(@TempDir Path folder) throws IOException {
        dir = folder;
        Shell shell = new Shell(dir.resolve("home"), cluster.kubeconfig(), "default");
        assumeTrue(shell.has("kubectl"), "there is no kubectl here");
        String manifests = shell.must("kubectl kustomize charts/kustomize", "");
        if (TestCluster.minorVersion(client) < 21) {
            manifests = manifests.replace("apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n");
        }
        shell.must("kubectl apply --validate=false -f -", manifests);
        objects = Chart.objects(manifests);
        installed = Installed.of(client, objects);
        Installed.namespaces(client, NAMESPACE);
    }

    @AfterAll
    void uninstall() throws Exception {
        installed.close();
        client.namespaces().withName(NAMESPACE).delete();
    }

    @Test
    void healthActionsAndSelfHealWorkInEveryPhase() throws Exception {
        apply("pictures", SPEC);
        apply("broken", SPEC.replace("replicas: 2", "replicas: 1").replace("minReplicas: 2", "minReplicas: 1"));
        apply("wrong", SPEC.replace("{name: trainer, image: swav-trainer}", "")); // no API server checks a template
        assertThat(health("pictures")).as("no operator has seen it").isEqualTo("Progressing");
        try (InstalledOperator operator = InstalledOperator.start(cluster, client, objects, dir.resolve("operator"));
                FakeTrainers broken = new FakeTrainers(client, NAMESPACE, "broken");
                FakeTrainers trainers = new FakeTrainers(client, NAMESPACE, "pictures")) {
            phase("wrong", "Invalid", "Degraded");
            soon().untilAsserted(() -> assertThat(broken.pods()).hasSize(1));
            broken.failed("broken-0", ExitCodes.NO_INPUT, "/data does not exist");
            phase("broken", "Failed", "Degraded");

            phase("pictures", "Pending", "Progressing");
            soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
            trainers.ready("pictures-0");
            trainers.ready("pictures-1");
            phase("pictures", "Resizing", "Progressing");
            train(trainers, "pictures-0", "pictures-1");
            phase("pictures", "Running", "Healthy");
            soon().untilAsserted(() ->
                    assertThat(operator.get("/").body()).contains("pictures", "broken-0", "2 of 2 wanted trainers"));

            scaleSubresourceServesAutoscalers();
            selfHealChangesNothing(trainers);
            anUnobservedSpecIsProgressing(operator);

            trainers.killed("pictures-1");
            phase("pictures", "Holding", "Progressing");
            soon().untilAsserted(() -> assertThat(trainers.pods()).contains("pictures-2"));
            trainers.ready("pictures-2");
            soon().untilAsserted(() -> assertThat(trainers.world().size()).isEqualTo(2));
            train(trainers, "pictures-0", "pictures-2");
            phase("pictures", "Running", "Healthy");

            patch("pictures", "{\"spec\":{\"model\":{\"prototypes\":7}}}");
            soon().untilAsserted(() -> assertThat(health("pictures")).isEqualTo("Degraded"));
            apply("pictures", SPEC); // the manifest in Git
            phase("pictures", "Running", "Healthy");

            act("pictures", "checkpoint-now", Map.of());
            soon().untilAsserted(() -> assertThat(worldMap().get(ResourceNames.CHECKPOINT_REQUEST_KEY))
                    .isNotEmpty());
            act("pictures", "scale", Map.of("replicas", "3"));
            soon().untilAsserted(() -> assertThat(trainers.alive()).hasSize(3));
            assertThat(health("pictures")).as("two of three").isEqualTo("Progressing");
            act("pictures", "suspend", Map.of());
            phase("pictures", "Suspended", "Suspended");
            act("pictures", "scale", Map.of("replicas", "2"));
            act("pictures", "resume", Map.of());
            soon().untilAsserted(() -> assertThat(trainers.alive()).hasSize(2));
            List<String> pods = trainers.alive();
            pods.forEach(trainers::ready);
            soon().untilAsserted(() -> assertThat(trainers.world().size()).isEqualTo(2));
            train(trainers, pods.get(0), pods.get(1));
            phase("pictures", "Running", "Healthy");
            long last = trainers.world().generation();
            pods.forEach(pod -> trainers.done(pod, last, 100));
            phase("pictures", "Complete", "Healthy");
            anUnobservedSpecIsProgressing(operator);
            assertThat(operator.log()).doesNotContainIgnoringCase("forbidden");
        }
    }

    /** HPA and KEDA read the number of replicas and the pods' selector from this subresource. */
    private void scaleSubresourceServesAutoscalers() {
        Scale scale = client.resources(SwavJob.class)
                .inNamespace(NAMESPACE)
                .withName("pictures")
                .scale();
        assertThat(scale.getSpec().getReplicas()).isEqualTo(2);
        assertThat(scale.getStatus().getReplicas()).isEqualTo(2);
        assertThat(scale.getStatus().getSelector()).isEqualTo(ResourceNames.LABEL_JOB + "=pictures");
    }

    /** Argo CD with self-heal may apply the manifest in Git at any time. */
    private void selfHealChangesNothing(FakeTrainers trainers) throws IOException {
        JsonNode before = live("pictures");
        List<String> pods = uids();
        var world = trainers.world();
        for (int i = 0; i < 5; i++) {
            apply("pictures", SPEC);
            await().pollDelay(Duration.ofMillis(300)).until(() -> true);
        }
        JsonNode after = live("pictures");
        assertThat(after.get("spec")).isEqualTo(before.get("spec"));
        assertThat(after.at("/metadata/generation").asLong()).isEqualTo(1);
        assertThat(uids()).as("no pod was recreated").isEqualTo(pods);
        assertThat(trainers.world()).isEqualTo(world);
        assertThat(health("pictures")).isEqualTo("Healthy");
        Map<String, List<String>> owned = new TreeMap<>();
        for (ManagedFieldsEntry entry :
                requireNonNull(resource("pictures").get()).getMetadata().getManagedFields()) {
            owned.put(
                    entry.getManager(),
                    List.copyOf(entry.getFieldsV1().getAdditionalProperties().keySet()));
        }
        assertThat(owned).containsOnlyKeys("argocd-controller", "swav-operator");
        assertThat(owned.get("argocd-controller")).containsExactly("f:spec");
        assertThat(owned.get("swav-operator")).containsExactly("f:status");
    }

    private void anUnobservedSpecIsProgressing(InstalledOperator operator) throws Exception {
        operator.freeze();
        long other = 100 + live("pictures").at("/metadata/generation").asLong();
        patch("pictures", "{\"spec\":{\"recovery\":{\"maxFailures\":" + other + "}}}");
        assertThat(health("pictures")).isEqualTo("Progressing");
        operator.thaw();
        soon().untilAsserted(() -> assertThat(health("pictures")).isEqualTo("Healthy"));
        apply("pictures", SPEC);
        soon().untilAsserted(() -> assertThat(health("pictures")).isEqualTo("Healthy"));
    }

    private static void train(FakeTrainers trainers, String... pods) {
        for (String pod : pods) {
            trainers.training(pod, trainers.world().generation(), 7);
        }
    }

    private void phase(String job, String phase, String health) {
        soon().untilAsserted(() -> {
            JsonNode live = live(job);
            assertThat(live.at("/status/phase").asText()).isEqualTo(phase);
            assertThat(ArgoLua.health(live).get("status").asText()).isEqualTo(health);
        });
    }

    private String health(String job) throws IOException {
        return ArgoLua.health(live(job)).get("status").asText();
    }

    /** Applies the script's changes as a merge patch, as Argo CD does. */
    private void act(String job, String action, Map<String, String> parameters) throws IOException {
        JsonNode live = live(job);
        assertThat(ArgoLua.discover(live).at("/" + action + "/disabled").asBoolean())
                .as("%s is offered", action)
                .isFalse();
        JsonNode wanted = ArgoLua.act(action, live, parameters);
        patch(
                job,
                Serialization.asJson(Map.of(
                        "metadata", Map.of("annotations", wanted.at("/metadata/annotations")),
                        "spec",
                                Map.of(
                                        "suspend", wanted.at("/spec/suspend").asBoolean(),
                                        "replicas", wanted.at("/spec/replicas").asInt()))));
    }

    private void patch(String job, String patch) {
        resource(job).patch(PatchContext.of(PatchType.JSON_MERGE), patch);
    }

    private void apply(String name, String spec) {
        GenericKubernetesResource manifest =
                Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: %s, namespace: %s}
                spec: %s
                """.formatted(name, NAMESPACE, spec), GenericKubernetesResource.class);
        client.resource(manifest)
                .fieldManager("argocd-controller")
                .forceConflicts()
                .serverSideApply();
    }

    private Resource<GenericKubernetesResource> resource(String job) {
        return client.genericKubernetesResources(ResourceNames.GROUP + "/v1alpha1", "SwavJob")
                .inNamespace(NAMESPACE)
                .withName(job);
    }

    private JsonNode live(String job) throws IOException {
        return Chart.yaml(Serialization.asJson(resource(job).get()));
    }

    private Map<String, String> worldMap() {
        return client.configMaps()
                .inNamespace(NAMESPACE)
                .withName(ResourceNames.worldName("pictures"))
                .get()
                .getData();
    }

    private List<String> uids() {
        return client
                .pods()
                .inNamespace(NAMESPACE)
                .withLabel(ResourceNames.LABEL_JOB, "pictures")
                .list()
                .getItems()
                .stream()
                .map(pod -> pod.getMetadata().getUid())
                .sorted()
                .toList();
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofMinutes(1)).ignoreExceptions();
    }
}
