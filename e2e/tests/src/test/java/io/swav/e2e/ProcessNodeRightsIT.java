package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.api.model.rbac.PolicyRule;
import io.fabric8.kubernetes.api.model.rbac.PolicyRuleBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.LocalControlPlane;
import io.swav.local.LogLines;
import io.swav.local.ProcessNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A local node whose user lacks rights reports once what it cannot do, and when it can again. */
@ExtendWith(TestCluster.class)
class ProcessNodeRightsIT {
    private static final int NUMBER = 70;

    /** The name of the namespace, the service account, and its role and binding. */
    private final String name = "poor-node-" + UUID.randomUUID().toString().substring(0, 8);

    @TempDir
    Path dir;

    private final LocalControlPlane cluster;
    private final KubernetesClient client;
    private final LogLines log = LogLines.ofApiErrors();
    private ProcessNode node;

    ProcessNodeRightsIT(LocalControlPlane cluster, KubernetesClient client) {
        this.cluster = cluster;
        this.client = client;
    }

    @BeforeEach
    void startNode() throws IOException {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .endMetadata()
                        .build())
                .serverSideApply();
        client.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .withNamespace(name)
                        .endMetadata()
                        .build())
                .serverSideApply();
        client.resource(new ClusterRoleBindingBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .endMetadata()
                        .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", name)
                        .addNewSubject(null, "ServiceAccount", name, name)
                        .build())
                .serverSideApply();
        grant();
        Path kubeconfig = Files.writeString(dir.resolve("kubeconfig"), kubeconfig());
        node = soon().until(
                        () -> ProcessNode.start(new ProcessNode.Options(kubeconfig, dir, NUMBER, 1, Map.of())),
                        started -> true);
    }

    @AfterEach
    void endNode() {
        log.close();
        client.pods().inNamespace(name).withGracePeriod(0).delete();
        node.close();
        client.nodes().withName(ProcessNode.name(NUMBER)).delete();
        client.rbac().clusterRoleBindings().withName(name).delete();
        client.rbac().clusterRoles().withName(name).delete();
        client.namespaces().withName(name).delete();
    }

    @Test
    void warnsOfDeniedBindingAndStatusAndRecoversByItself() throws Exception {
        apply("first", "env: []");
        soon().untilAsserted(() -> assertThat(warnings())
                .singleElement()
                .asString()
                .contains("cannot bind pods to nodes (first: pod " + name + "/first)", "bindings", "stay Pending"));
        soon().untilAsserted(() ->
                assertThat(events("first", "FailedScheduling")).anyMatch(message -> message.contains("bindings")));
        assertThat(problems()).contains("cannot bind pods to nodes");

        grant(rule("create", "bindings"));
        soon().untilAsserted(() -> assertThat(log.lines())
                .anyMatch(line -> line.startsWith("INFO this node can bind pods to nodes again")));
        soon().untilAsserted(() -> assertThat(warnings())
                .hasSize(2)
                .last()
                .asString()
                .contains("cannot write the status of pods", "pods/status", "neither started nor stopped"));
        soon().untilAsserted(() ->
                assertThat(events("first", "FailedStatusUpdate")).anyMatch(message -> message.contains("pods/status")));
        assertThat(problems()).contains("cannot write the status of pods").doesNotContain("cannot bind");

        grant(rule("create", "bindings"), rule("patch", "pods/status"));
        soon().untilAsserted(() -> assertThat(phase("first")).isEqualTo("Running"));
        soon().untilAsserted(() -> assertThat(problems()).isEmpty());
        assertThat(warnings())
                .as("each once, regardless of the number of attempts")
                .hasSize(2);
    }

    /** A request that is denied while a container is created must not count as the pod's end. */
    @Test
    void keepsAPodWhoseConfigurationItMayNotReadAndStartsItWhenItMay() throws Exception {
        grant(rule("create", "bindings"), rule("patch", "pods/status"));
        client.resource(Serialization.unmarshal("""
                        apiVersion: v1
                        kind: ConfigMap
                        metadata: {name: settings, namespace: %s}
                        data: {greeting: hello}
                        """.formatted(name), ConfigMap.class))
                .serverSideApply();
        apply("wanting", "env: [{name: X, valueFrom: {configMapKeyRef: {name: settings, key: greeting}}}]");
        soon().untilAsserted(() -> assertThat(warnings())
                .singleElement()
                .asString()
                .contains("cannot read what a pod's containers are given", "configmaps"));
        grant(rule("create", "bindings"), rule("patch", "pods/status"), rule("get", "configmaps"));
        soon().untilAsserted(() -> assertThat(phase("wanting")).isEqualTo("Running"));
        soon().untilAsserted(() -> assertThat(problems()).isEmpty());
    }

    private List<String> warnings() {
        return log.lines().stream().filter(line -> line.startsWith("WARN")).toList();
    }

    private String problems() throws IOException {
        Path file = dir.resolve("node-" + NUMBER + ".problems");
        return Files.exists(file) ? Files.readString(file) : "";
    }

    private List<String> events(String pod, String reason) {
        return client.v1().events().inNamespace(name).list().getItems().stream()
                .filter(e -> e.getInvolvedObject().getName().equals(pod)
                        && e.getReason().equals(reason))
                .map(Event::getMessage)
                .toList();
    }

    private String phase(String pod) {
        Pod now = client.pods().inNamespace(name).withName(pod).get();
        return Optional.ofNullable(now.getStatus().getPhase()).orElse("");
    }

    private void apply(String pod, String more) {
        Pod object = Serialization.unmarshal("""
                apiVersion: v1
                kind: Pod
                metadata: {name: %s, namespace: %s}
                spec:
                  nodeSelector: {kubernetes.io/hostname: %s}
                  serviceAccountName: %s
                  automountServiceAccountToken: false
                  terminationGracePeriodSeconds: 1
                  containers: [{name: main, image: none, command: [sleep, '1000'], %s}]
                """.formatted(pod, name, ProcessNode.name(NUMBER), name, more), Pod.class);
        soon().until(() -> client.resource(object).create(), created -> true); // once its account has a token
    }

    /** Grants the rights that a node needs to register and to watch, and {@code more}. */
    private void grant(PolicyRule... more) {
        List<PolicyRule> rules = new ArrayList<>(List.of(more));
        rules.add(new PolicyRuleBuilder()
                .withApiGroups("")
                .withResources("nodes", "pods")
                .withVerbs("get", "list", "watch")
                .build());
        rules.add(rule("create", "nodes"));
        rules.add(rule("patch", "nodes/status"));
        rules.add(rule("create", "events"));
        client.resource(new ClusterRoleBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .endMetadata()
                        .withRules(rules)
                        .build())
                .forceConflicts()
                .serverSideApply();
    }

    private static PolicyRule rule(String verb, String resource) {
        return new PolicyRuleBuilder()
                .withApiGroups("")
                .withResources(resource)
                .withVerbs(verb)
                .build();
    }

    /** The administrator's kubeconfig with a token of the service account. */
    private String kubeconfig() throws IOException {
        String token = client.serviceAccounts()
                .inNamespace(name)
                .withName(name)
                .tokenRequest(new TokenRequestBuilder()
                        .withNewSpec()
                        .withExpirationSeconds(3600L)
                        .endSpec()
                        .build())
                .getStatus()
                .getToken();
        return Files.readString(cluster.kubeconfig()).replaceAll("token: .*", "token: " + token);
    }

    private static ConditionFactory soon() {
        return await().atMost(Duration.ofSeconds(60)).ignoreExceptions();
    }
}
