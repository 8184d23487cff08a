package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.local.LocalControlPlane;
import io.swav.operator.OperatorConfig;
import io.swav.operator.SwavOperator;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** Runs the operator and a job against a real API server; the test stands in for kubelet and trainers. */
@ExtendWith(TestCluster.class)
abstract class OperatedJob {
    final String namespace = "op-" + UUID.randomUUID().toString().substring(0, 8);
    final KubernetesClient client;
    final LocalControlPlane cluster;
    final FakeTrainers trainers;
    private final boolean preemptionCost;
    private SwavOperator operator;

    OperatedJob(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        this(client, cluster, false);
    }

    /** @param preemptionCost whether the operator annotates what a preemption costs */
    OperatedJob(KubernetesClient client, LocalControlPlane cluster, boolean preemptionCost) throws IOException {
        this.preemptionCost = preemptionCost;
        this.client = client;
        this.cluster = cluster;
        this.trainers = new FakeTrainers(client, namespace, "job");
        this.operator = operator();
    }

    private SwavOperator operator() throws IOException {
        return SwavOperator.start(OperatorConfig.of(
                Optional.of(cluster.kubeconfig()),
                "all",
                new OperatorConfig.Listen("", 0, 0, false),
                Optional.empty(),
                "",
                preemptionCost));
    }

    void stopOperator() {
        operator.close();
    }

    void startOperator() throws IOException {
        operator = operator();
    }

    @BeforeEach
    void makeNamespace() {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .addToLabels("test", namespace)
                        .endMetadata()
                        .build())
                .create();
    }

    @AfterEach
    void clean() {
        trainers.close();
        job().delete();
        operator.close();
        client.namespaces().withName(namespace).delete();
    }

    /** Brings up two trainers that have made seven steps in the first world. */
    void formOfTwo(String spec) {
        formOfTwo(spec, "");
    }

    void formOfTwo(String spec, String podSpec) {
        apply(spec, podSpec);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        TrainerReport.Regroup first = new TrainerReport.Regroup(trainers.world().generation(), null, 0, 7, 3.5);
        trainers.training("job-0", 7, first);
        trainers.training("job-1", 7, first);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));
    }

    void apply(String spec) {
        apply(spec, "");
    }

    void apply(String spec, String podSpec) {
        applyTemplate(spec, "{spec: {containers: [{name: trainer, image: swav-trainer}], " + podSpec + "}}");
    }

    void applyTemplate(String spec, String template) {
        applyLabelled("", spec, template);
    }

    /** @param labels of the job, as in YAML */
    void applyLabelled(String labels, String spec, String template) {
        SwavJob job = Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: job, namespace: %s, labels: {%s}}
                spec: {%s, data: {uri: file:///data}, template: %s}
                """.formatted(namespace, labels, spec, template), SwavJob.class);
        client.resource(job).fieldManager("test").forceConflicts().serverSideApply();
    }

    Resource<SwavJob> job() {
        return client.resources(SwavJob.class).inNamespace(namespace).withName("job");
    }

    SwavJobStatus status() {
        return Optional.ofNullable(job().get().getStatus()).orElse(SwavJobStatus.EMPTY);
    }

    SwavJobStatus.Ledger ledger() {
        return requireNonNull(status().ledger());
    }

    String message(ConditionType condition) {
        return status().condition(condition).orElseThrow().message();
    }

    List<String> members() {
        return trainers.world().members().stream().map(World.Member::pod).toList();
    }

    List<String> events() {
        return client.v1().events().inNamespace(namespace).list().getItems().stream()
                .map(Event::getReason)
                .toList();
    }

    /** The operator's response at {@code path}. */
    String get(String path) throws IOException, InterruptedException {
        return Http.get(URI.create("http://127.0.0.1:" + operator.port() + path))
                .body();
    }

    /** What the operator responds to its readiness probe. */
    String health() throws IOException, InterruptedException {
        return Http.get(URI.create("http://127.0.0.1:" + operator.healthPort() + "/healthz"))
                .body();
    }

    static ConditionFactory soon() {
        return await().atMost(Duration.ofSeconds(20)).ignoreExceptions();
    }
}
