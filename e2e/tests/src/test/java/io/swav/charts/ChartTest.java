package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.marcnuri.helm.Helm;
import com.marcnuri.helm.LintResult;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Tests the chart as Helm renders it, over a matrix of values. */
class ChartTest {
    private static final String NEW = "1.32.0";
    private static final String OLD = "1.20.2";

    static Stream<String> cases() {
        return Chart.CASES.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void renderedObjectsAreConsistent(String name) throws IOException {
        for (String version : List.of(NEW, OLD)) {
            String text = Chart.template(Chart.CASES.getOrDefault(name, ""), version);
            assertThat(text).doesNotContain("<no value>", "%!");
            List<JsonNode> objects = Chart.objects(text);
            assertThat(objects.stream().map(ChartTest::key)).doesNotHaveDuplicates();
            for (JsonNode object : objects) {
                assertThat(object.at("/metadata/namespace").isMissingNode())
                        .as("namespace of %s", Chart.id(object))
                        .isEqualTo(Chart.WITHOUT_NAMESPACE.contains(
                                object.path("kind").asText()));
            }
            bindingsMeetTheirRoles(objects);
            selectorsMeetThePods(objects);
            podsAreRestricted(Chart.only(objects, "Deployment").at("/spec/template/spec"));
        }
    }

    @Test
    void lintsWithoutWarnings() {
        LintResult result = new Helm(Chart.FOLDER).lint().strict().call();
        assertThat(result.isFailed()).as("%s", result.getMessages()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{replicaCount: two} | replicaCount",
                "{replicas: 2} | replicas",
                "{image: {pullPolicy: Sometimes}} | image.pullPolicy",
                "{image: {digest: latest}} | image.digest",
                "{namespaces: team-a} | namespaces",
                "{namespaces: [Team_A]} | namespaces.0",
                "{metrics: {port: 80}} | metrics.port",
                "{health: {port: 8080}} | health.port",
                "{authentication: {enabled: 'yes'}} | authentication.enabled",
                "{metrics: {serviceMonitor: {enabled: 'yes'}}} | metrics.serviceMonitor.enabled",
                "{metrics: {prometheusRule: {stuckAfter: soon}}} | metrics.prometheusRule.stuckAfter",
                "{networkPolicy: {apiServer: {cidr: everywhere}}} | networkPolicy.apiServer.cidr",
                "{logLevel: loud} | logLevel",
                "{signals: {removalTaints: ['a b']}} | signals.removalTaints.0",
                "{signals: {removalTaints: ['a:NoWay']}} | signals.removalTaints.0",
                "{signals: {removalTaints: ['a,b']}} | signals.removalTaints.0",
                "{replicaCount: 2, leaderElection: false} | leaderElection",
                "{serviceAccount: {create: false}} | serviceAccount.name",
                "{metrics: {service: false, serviceMonitor: {enabled: true}}} | metrics.service"
            })
    void rejectsAWrongValueByName(String values, String field) {
        assertThatThrownBy(() -> Chart.template(values, NEW))
                .message()
                .satisfies(message -> assertThat(message.replace("/", ".")).contains(field));
    }

    @Test
    void rendersTheWholeDefinition() throws IOException {
        JsonNode rendered = Chart.only(Chart.objects(Chart.template("", NEW)), "CustomResourceDefinition");
        assertThat(rendered.at("/metadata/annotations/helm.sh~1resource-policy").asText())
                .isEqualTo("keep");
        assertThat(rendered.get("spec"))
                .isEqualTo(Chart.yaml(ProjectFiles.read("charts/swav-operator/files/swavjobs.swav.io-v1.yml"))
                        .get("spec"));
    }

    @Test
    void rendersTheDefinitionWithoutFieldPathsForClustersThatLackThem() throws IOException {
        ObjectNode whole =
                (ObjectNode) Chart.yaml(ProjectFiles.read("charts/swav-operator/files/swavjobs.swav.io-v1.yml"));
        assertThat(definition("1.28.0")).isEqualTo(whole.get("spec"));
        List<JsonNode> rules = whole.findValues("x-kubernetes-validations");
        assertThat(rules).isNotEmpty();
        rules.forEach(of -> of.forEach(rule -> ((ObjectNode) rule).remove("fieldPath")));
        assertThat(definition("1.27.16")).isEqualTo(whole.get("spec"));
    }

    private static JsonNode definition(String version) throws IOException {
        return Chart.only(Chart.objects(Chart.template("", version)), "CustomResourceDefinition")
                .get("spec");
    }

    @Test
    void taintsOfTheClustersToolsReachTheOperator() throws IOException {
        String values = "{signals: {removalTaints: [example.com/retiring, 'example.com/power=off:NoExecute']}}";
        JsonNode env = Chart.only(Chart.objects(Chart.template(values, NEW)), "Deployment")
                .at("/spec/template/spec/containers/0/env");
        assertThat(env)
                .contains(Chart.yaml(
                        "{name: SWAV_REMOVAL_TAINTS, value: 'example.com/retiring,example.com/power=off:NoExecute'}"));
    }

    @Test
    void theReadmeNamesEveryValue() throws IOException {
        JsonNode schema = new ObjectMapper().readTree(ProjectFiles.read("charts/swav-operator/values.schema.json"));
        JsonNode values = Chart.yaml(ProjectFiles.read("charts/swav-operator/values.yaml"));
        ProjectFiles.check("charts/swav-operator/README.md", ChartReadme.of(schema, values));
    }

    @Test
    void kustomizeAppliesWhatTheChartRenders() throws IOException {
        ProjectFiles.check(
                "charts/kustomize/operator.yaml",
                """
                # Made by Helm from charts/swav-operator with its own values; ChartTest says how.
                """
                        + Chart.template("{crds: {install: false}}", NEW)
                                .replaceAll("(?m)^ +(helm.sh/|app.kubernetes.io/managed-by).*\n", ""));
    }

    @Test
    void namespacesLimitTheRightsOfTheOperator() throws IOException {
        List<JsonNode> objects = Chart.objects(Chart.template("{namespaces: [team-a]}", NEW));
        List<JsonNode> everywhere = objects.stream()
                .filter(object -> object.path("kind").asText().equals("ClusterRoleBinding"))
                .map(binding -> find(
                                objects,
                                "ClusterRole",
                                "",
                                binding.at("/roleRef/name").asText())
                        .orElseThrow())
                .toList();
        assertThat(everywhere).hasSize(1);
        assertThat(everywhere.get(0).get("rules"))
                .isEqualTo(Chart.yaml("[{apiGroups: [''], resources: [nodes], verbs: [get, list, watch]}]"));
    }

    @Test
    void theOperatorMayReviewTokensOnlyIfItAuthenticates() throws IOException {
        assertThat(Chart.template("{namespaces: [team-a]}", NEW)).doesNotContain("tokenreviews", "accessreviews");
        List<JsonNode> objects = Chart.objects(Chart.template("{authentication: {enabled: true}}", NEW));
        assertThat(find(objects, "ClusterRole", "", "swav-operator-reviews")
                        .orElseThrow()
                        .get("rules"))
                .isEqualTo(Chart.yaml("""
                        [{apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]},
                         {apiGroups: [authorization.k8s.io], resources: [subjectaccessreviews], verbs: [create]}]
                        """));
        assertThat(Chart.only(objects, "Deployment").toString()).contains("SWAV_AUTHENTICATE");
    }

    @Test
    void theOperatorMayUseKueueOnlyIfItIsAskedTo() throws IOException {
        assertThat(Chart.template("", NEW)).doesNotContain("kueue.x-k8s.io", "priorityclasses");
        List<JsonNode> objects = Chart.objects(Chart.template("{kueue: {enabled: true}, namespaces: [team-a]}", NEW));
        assertThat(find(objects, "ClusterRole", "", "swav-operator-kueue")
                        .orElseThrow()
                        .get("rules"))
                .isEqualTo(Chart.yaml("""
                        [{apiGroups: [kueue.x-k8s.io], resources: [resourceflavors, workloadpriorityclasses], verbs: [get]},
                         {apiGroups: [scheduling.k8s.io], resources: [priorityclasses], verbs: [get]}]
                        """));
        assertThat(find(objects, "Role", "team-a", "swav-operator")
                        .orElseThrow()
                        .get("rules"))
                .contains(
                        Chart.yaml("{apiGroups: [kueue.x-k8s.io], resources: [workloads/status], verbs: [patch]}"),
                        Chart.yaml("{apiGroups: [kueue.x-k8s.io], resources: [workloads],"
                                + " verbs: [get, list, watch, create, patch, delete]}"));
    }

    @Test
    void theOperatorMayPatchPodsOnlyIfItAnnotatesCosts() throws IOException {
        String rule = "{apiGroups: [''], resources: [pods], verbs: [get, list, watch, create, delete%s]}";
        for (boolean annotates : new boolean[] {false, true}) {
            List<JsonNode> objects =
                    Chart.objects(Chart.template("{preemptionCost: {enabled: " + annotates + "}}", NEW));
            assertThat(find(objects, "ClusterRole", "", "swav-operator")
                            .orElseThrow()
                            .get("rules"))
                    .contains(Chart.yaml(rule.formatted(annotates ? ", patch" : "")));
            assertThat(Chart.only(objects, "Deployment").toString().contains("SWAV_PREEMPTION_COST"))
                    .isEqualTo(annotates);
        }
    }

    @Test
    void theHealthPortIsOpenToNoPod() throws IOException {
        List<JsonNode> objects = Chart.objects(Chart.template("", NEW));
        assertThat(Chart.only(objects, "NetworkPolicy").get("spec")).isEqualTo(Chart.yaml("""
                podSelector:
                  matchLabels: {app.kubernetes.io/name: swav-operator, app.kubernetes.io/instance: swav-operator}
                policyTypes: [Ingress]
                ingress:
                - ports: [{protocol: TCP, port: metrics}]
                  from: [{namespaceSelector: {matchLabels: {metrics: enabled}}}]
                """));
        JsonNode container = Chart.only(objects, "Deployment").at("/spec/template/spec/containers/0");
        for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
            assertThat(container.at("/" + probe + "/httpGet/port").asText()).isEqualTo("health");
        }
        assertThat(Chart.only(objects, "Service").at("/spec/ports")).hasSize(1);
    }

    @Test
    void permissionsAreThoseOfTheDecisionRecord() throws IOException {
        List<JsonNode> objects = Chart.objects(Chart.template("", NEW));
        Map<String, Set<String>> granted = new TreeMap<>();
        for (String role : List.of("swav-operator", "swav-operator-nodes")) {
            for (JsonNode rule :
                    find(objects, "ClusterRole", "", role).orElseThrow().get("rules")) {
                strings(rule.get("resources"))
                        .forEach(resource ->
                                granted.put(resource, strings(rule.get("verbs")).collect(Collectors.toSet())));
            }
        }
        Map<String, Set<String>> decided = new TreeMap<>();
        ProjectFiles.read("docs/decisions/012-the-planner-writes-a-book-beside-the-world.md")
                .lines()
                .filter(line -> line.matches("\\| (swav.io|\\(core\\)|rbac[a-z.0-9]*|scheduling[a-z0-9., -]*) \\|.*"))
                .map(line -> line.split("\\|", -1))
                .forEach(cells -> Stream.of(cells[2].trim().split(", "))
                        .forEach(resource -> decided.put(
                                resource,
                                Set.of(cells[3].replaceAll("\\(.*", "").trim().split(", ")))));
        assertThat(granted).isEqualTo(decided);
    }

    private static void bindingsMeetTheirRoles(List<JsonNode> objects) {
        Optional<JsonNode> account = objects.stream()
                .filter(o -> o.path("kind").asText().equals("ServiceAccount"))
                .findFirst();
        String used = Chart.only(objects, "Deployment")
                .at("/spec/template/spec/serviceAccountName")
                .asText();
        account.ifPresent(made -> assertThat(made.at("/metadata/name").asText()).isEqualTo(used));
        for (JsonNode binding : objects) {
            if (binding.path("kind").asText().endsWith("RoleBinding")) {
                String namespace = binding.at("/metadata/namespace").asText();
                assertThat(find(
                                objects,
                                binding.at("/roleRef/kind").asText(),
                                namespace,
                                binding.at("/roleRef/name").asText()))
                        .as("role of %s", Chart.id(binding))
                        .isPresent();
                assertThat(binding.at("/subjects/0/name").asText()).isEqualTo(used);
                assertThat(binding.at("/subjects/0/namespace").asText()).isEqualTo(Chart.NAMESPACE);
            }
        }
    }

    private static void selectorsMeetThePods(List<JsonNode> objects) {
        JsonNode deployment = Chart.only(objects, "Deployment");
        JsonNode pods = deployment.at("/spec/template/metadata/labels");
        List<JsonNode> selectors = new ArrayList<>(List.of(deployment.at("/spec/selector/matchLabels")));
        objects.forEach(object -> {
            switch (object.path("kind").asText()) {
                case "PodDisruptionBudget" -> selectors.add(object.at("/spec/selector/matchLabels"));
                case "NetworkPolicy" -> selectors.add(object.at("/spec/podSelector/matchLabels"));
                case "Service" -> selectors.add(object.at("/spec/selector"));
                case "ServiceMonitor" -> {
                    JsonNode labels = Chart.only(objects, "Service").at("/metadata/labels");
                    object.at("/spec/selector/matchLabels")
                            .properties()
                            .forEach(label ->
                                    assertThat(labels.get(label.getKey())).isEqualTo(label.getValue()));
                }
                default -> {}
            }
        });
        selectors.forEach(selector -> {
            assertThat(selector.isEmpty()).isFalse();
            selector.properties()
                    .forEach(label -> assertThat(pods.get(label.getKey())).isEqualTo(label.getValue()));
        });
    }

    /** The rules of the restricted Pod Security Standard that a pod without host access and volumes can break. */
    static void podsAreRestricted(JsonNode pod) {
        assertThat(pod.at("/securityContext/runAsNonRoot").asBoolean()).isTrue();
        assertThat(pod.at("/securityContext/seccompProfile/type").asText()).isEqualTo("RuntimeDefault");
        for (String host : List.of("hostNetwork", "hostPID", "hostIPC")) {
            assertThat(pod.path(host).asBoolean()).as(host).isFalse();
        }
        for (JsonNode volume : pod.path("volumes")) {
            assertThat(volume.properties().stream().map(Map.Entry::getKey))
                    .as("volume %s", volume)
                    .containsAnyOf(
                            "configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim", "downwardAPI");
        }
        for (JsonNode container : pod.get("containers")) {
            JsonNode security = container.path("securityContext");
            assertThat(security.path("allowPrivilegeEscalation").asBoolean(true))
                    .isFalse();
            assertThat(strings(security.at("/capabilities/drop"))).contains("ALL");
            assertThat(security.path("privileged").asBoolean()).isFalse();
        }
    }

    private static Optional<JsonNode> find(List<JsonNode> objects, String kind, String namespace, String name) {
        return objects.stream()
                .filter(object -> object.path("kind").asText().equals(kind)
                        && object.at("/metadata/name").asText().equals(name)
                        && (kind.startsWith("Cluster")
                                || object.at("/metadata/namespace").asText().equals(namespace)))
                .findFirst();
    }

    private static String key(JsonNode object) {
        return object.at("/metadata/namespace").asText() + "/" + Chart.id(object);
    }

    private static Stream<String> strings(JsonNode array) {
        return Stream.iterate(0, i -> i < array.size(), i -> i + 1)
                .map(i -> array.get(i).asText());
    }
}
