package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.Release;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.charts.Chart;
import io.swav.local.LocalControlPlane;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A real API server accepts everything that Helm renders, and the operator needs no right that the chart does not grant. */
@ExtendWith(TestCluster.class)
class ChartIT {
    private static final List<String> MONITORING = List.of("ServiceMonitor", "PrometheusRule");

    private final String watched = "watched-" + UUID.randomUUID().toString().substring(0, 8);
    private final String other = "other-" + UUID.randomUUID().toString().substring(0, 8);

    @TempDir
    Path dir;

    private final KubernetesClient client;
    private final LocalControlPlane cluster;
    private final String version;

    ChartIT(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
        this.version = client.getKubernetesVersion().getGitVersion().replaceFirst("^v", "");
    }

    /** The server's own schemas check each field; for Prometheus' kinds only their names are known here. */
    @Test
    void theApiServerAcceptsEveryCaseOfTheMatrix() throws Exception {
        Installed.namespaces(client, "swav-system", "team-a", "team-b", "grafana");
        for (String kind : MONITORING) {
            Installed.apply(client, definition(kind), false);
        }
        try {
            for (String kind : MONITORING) {
                soon().until(() -> client.raw("/apis/monitoring.coreos.com/v1/" + plural(kind)) != null);
            }
            Set<JsonNode> taken = new HashSet<>();
            for (var values : Chart.CASES.entrySet()) {
                for (JsonNode object : render(values.getValue())) {
                    if (!taken.add(object)) {
                        continue;
                    }
                    try {
                        Installed.apply(client, object, true);
                    } catch (KubernetesClientException e) {
                        throw new AssertionError(values.getKey() + ": " + Chart.id(object), e);
                    }
                }
            }
        } finally {
            for (String kind : MONITORING) {
                client.apiextensions()
                        .v1()
                        .customResourceDefinitions()
                        .withName(plural(kind) + ".monitoring.coreos.com")
                        .delete();
            }
        }
    }

    private List<JsonNode> render(String values) throws Exception {
        return Chart.objects(Chart.template("swav-operator", "swav-system", values, version));
    }

    private static String plural(String kind) {
        return kind.toLowerCase(Locale.ROOT) + "s";
    }

    private static JsonNode definition(String kind) throws Exception {
        return Chart.yaml("""
                apiVersion: apiextensions.k8s.io/v1
                kind: CustomResourceDefinition
                metadata: {name: %1$s.monitoring.coreos.com}
                spec:
                  group: monitoring.coreos.com
                  names: {kind: %2$s, plural: %1$s, singular: %3$s}
                  scope: Namespaced
                  versions:
                    - name: v1
                      served: true
                      storage: true
                      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                """.formatted(plural(kind), kind, kind.toLowerCase(Locale.ROOT)));
    }

    @Test
    void runsAJobToCompletionWithTheRightsThatHelmInstalls() throws Exception {
        Installed.namespaces(client, "swav-system", watched, other);
        String values = "{namespaces: [" + watched + "]}";
        List<JsonNode> objects = render(values);
        letHelmHaveTheDefinition();
        Path file = Files.writeString(dir.resolve("values.yaml"), values);
        Release release = new Helm(Chart.FOLDER)
                .install()
                .withKubeConfig(cluster.kubeconfig())
                .withName("swav-operator")
                .withNamespace("swav-system")
                .withValuesFile(file)
                .disableOpenApiValidation() // before 1.25 kubectl and Helm reject CEL rules
                .call();
        assertThat(release.getOutput())
                .contains("watches " + watched + ".")
                .contains("kubectl -n swav-system rollout status deployment/swav-operator\n")
                .contains("kubectl -n swav-system port-forward deployment/swav-operator 8080\n");
        try (FakeTrainers trainers = new FakeTrainers(client, watched, "job");
                InstalledOperator operator = InstalledOperator.start(cluster, client, objects, dir)) {
            apply(other);
            apply(watched);
            soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
            trainers.ready("job-0");
            trainers.ready("job-1");
            soon().untilAsserted(() -> assertThat(trainers.world().size()).isEqualTo(2));
            trainers.training("job-0", trainers.world().generation(), 7);
            trainers.training("job-1", trainers.world().generation(), 7);
            client.pods().inNamespace(watched).withName("job-0").delete();
            soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
            trainers.ready("job-2");
            soon().untilAsserted(() -> assertThat(trainers.world().size()).isEqualTo(2));
            scale(1); // the operator deletes a pod
            soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1"));
            trainers.done("job-1", trainers.world().generation(), 100);
            soon().untilAsserted(() -> {
                assertThat(status(watched).phase()).isEqualTo(Phase.Complete);
                assertThat(client.v1().events().inNamespace(watched).list().getItems())
                        .extracting(Event::getReason)
                        .contains("PodsCreated", "PodPreempted", "PodsDeleted", "Complete");
            });

            assertThat(operator.passes("readinessProbe")).isTrue();
            assertThat(operator.passes("livenessProbe")).isTrue();
            assertThat(operator.log()).contains("leading").doesNotContainIgnoringCase("forbidden", " ERROR ");
            assertThat(status(other)).as("its namespace is not watched").isEqualTo(SwavJobStatus.EMPTY);
            mayNotDoMore(operator.kubeconfig());
            upgradeLeavesJobsAlone(values);
        } finally {
            Helm.uninstall("swav-operator")
                    .withKubeConfig(cluster.kubeconfig())
                    .withNamespace("swav-system")
                    .call();
        }
        try {
            assertThat(client.serviceAccounts()
                            .inNamespace("swav-system")
                            .withName("swav-operator")
                            .get())
                    .as("uninstalled")
                    .isNull();
            assertThat(status(watched).phase()).as("definition and jobs stay").isEqualTo(Phase.Complete);
        } finally {
            for (String namespace : List.of(watched, other)) {
                client.resources(SwavJob.class).inNamespace(namespace).delete();
                client.namespaces().withName(namespace).delete();
            }
        }
    }

    /** Labels the existing definition as Helm's own, so that Helm adopts it. */
    private void letHelmHaveTheDefinition() {
        CustomResourceDefinition definition = SpecLoader.crd();
        definition.getMetadata().setLabels(Map.of("app.kubernetes.io/managed-by", "Helm"));
        definition
                .getMetadata()
                .setAnnotations(Map.of(
                        "meta.helm.sh/release-name", "swav-operator", "meta.helm.sh/release-namespace", "swav-system"));
        client.resource(definition).createOr(NonDeletingOperation::update);
    }

    private void upgradeLeavesJobsAlone(String values) throws Exception {
        SwavJobStatus before = status(watched);
        new Helm(Chart.FOLDER)
                .upgrade()
                .withKubeConfig(cluster.kubeconfig())
                .withName("swav-operator")
                .withNamespace("swav-system")
                .withValuesFile(
                        Files.writeString(dir.resolve("upgrade.yaml"), values.replace("{", "{logLevel: debug, ")))
                .disableOpenApiValidation()
                .call();
        assertThat(client.apps()
                        .deployments()
                        .inNamespace("swav-system")
                        .withName("swav-operator")
                        .get()
                        .getSpec()
                        .getTemplate()
                        .getSpec()
                        .getContainers()
                        .get(0)
                        .getEnv())
                .contains(new EnvVar("SWAV_LOG_LEVEL", "debug", null));
        assertThat(status(watched)).isEqualTo(before);
    }

    /** Proves that the test above is meaningful: the API server checks rights, and the operator has no others. */
    private void mayNotDoMore(Path kubeconfig) {
        try (KubernetesClient operator = new KubernetesClientBuilder()
                .withConfig(Config.fromKubeconfig(kubeconfig.toFile()))
                .build()) {
            assertThat(operator.pods().inNamespace(watched).list().getItems()).isNotEmpty();
            assertForbidden(() -> operator.pods().inNamespace(other).list());
            assertForbidden(() -> operator.secrets().inNamespace(watched).list());
            assertForbidden(() -> operator.resources(SwavJob.class)
                    .inNamespace(watched)
                    .withName("job")
                    .scale(2));
            assertForbidden(() -> operator.resources(SwavJob.class)
                    .inNamespace(watched)
                    .withName("job")
                    .edit(job -> {
                        job.getMetadata().setLabels(Map.of("a", "b"));
                        return job;
                    }));
        }
    }

    private static void assertForbidden(Runnable request) {
        assertThatThrownBy(request::run)
                .isInstanceOfSatisfying(
                        KubernetesClientException.class,
                        e -> assertThat(e.getCode()).isEqualTo(403));
    }

    private void apply(String namespace) {
        client.resource(Serialization.unmarshal("""
                        apiVersion: swav.io/v1alpha1
                        kind: SwavJob
                        metadata: {name: job, namespace: %s}
                        spec:
                          replicas: 2
                          elastic: {growAfterSeconds: 0}
                          data: {uri: file:///data}
                          template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}
                        """.formatted(namespace), SwavJob.class))
                .create();
    }

    private void scale(int replicas) {
        client.resources(SwavJob.class).inNamespace(watched).withName("job").scale(replicas);
    }

    private SwavJobStatus status(String namespace) {
        return Optional.ofNullable(client.resources(SwavJob.class)
                        .inNamespace(namespace)
                        .withName("job")
                        .get()
                        .getStatus())
                .orElse(SwavJobStatus.EMPTY);
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofMinutes(1)).ignoreExceptions();
    }
}
