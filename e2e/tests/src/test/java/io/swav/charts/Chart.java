package io.swav.charts;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.marcnuri.helm.Helm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Renders the chart by Helm itself. */
public final class Chart {
    public static final Path FOLDER = ProjectFiles.PROJECT.resolve("charts/swav-operator");
    static final String NAMESPACE = "swav-system";
    static final Set<String> WITHOUT_NAMESPACE =
            Set.of("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding");
    private static final YAMLMapper YAML = new YAMLMapper();

    /** The values of the matrix: each option alone, all together, and none. */
    public static final Map<String, String> CASES = new TreeMap<>(Map.ofEntries(
            Map.entry("defaults", ""),
            Map.entry("one replica", "{replicaCount: 1, leaderElection: false}"),
            Map.entry("two namespaces", "{namespaces: [team-a, team-b]}"),
            Map.entry("no definition", "{crds: {install: false}}"),
            Map.entry("definition goes with the release", "{crds: {keep: false}}"),
            Map.entry("foreign account", "{serviceAccount: {create: false, name: mine}, rbac: {create: false}}"),
            Map.entry("named account", "{serviceAccount: {name: mine, annotations: {a: b}}}"),
            Map.entry("no aggregation", "{rbac: {aggregate: false}}"),
            Map.entry("other names", "{nameOverride: op, fullnameOverride: swav-team}"),
            Map.entry("pinned image", "{image: {digest: 'sha256:" + "a".repeat(64) + "'}}"),
            Map.entry("no metrics", "{metrics: {service: false}, podDisruptionBudget: {enabled: false}}"),
            Map.entry("monitoring", """
                    {metrics: {serviceMonitor: {enabled: true, labels: {release: prometheus}},
                     prometheusRule: {enabled: true, stuckAfter: 2h},
                     dashboard: {enabled: true, namespace: grafana}}}"""),
            Map.entry("queues", "{kueue: {enabled: true}, preemptionCost: {enabled: true}, namespaces: [team-a]}"),
            Map.entry("authentication", """
                    {authentication: {enabled: true}, metrics: {serviceMonitor: {enabled: true}}}"""),
            Map.entry("authentication with a token", """
                    {authentication: {enabled: true}, namespaces: [team-a],
                     metrics: {serviceMonitor: {enabled: true, tokenSecret: prometheus}}}"""),
            Map.entry("no network policy", "{networkPolicy: {enabled: false}}"),
            Map.entry("network policy", """
                    {networkPolicy: {enabled: true, metricsFrom: [{namespaceSelector: {}}],
                     apiServer: {cidr: 10.0.0.1/32, ports: [6443]}}}"""),
            Map.entry("everything", """
                    {namespaces: [team-a], commonLabels: {team: vision}, podLabels: {tier: control}, podAnnotations: {p: q},
                     priorityClassName: system-cluster-critical, nodeSelector: {a: b}, tolerations: [{operator: Exists}],
                     affinity: {nodeAffinity: {}}, imagePullSecrets: [{name: pull}], extraArgs: [--port=8080],
                     extraEnv: [{name: A, value: b}], logLevel: debug, networkPolicy: {enabled: true},
                     topologySpreadConstraints:
                       [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}],
                     metrics: {port: 9090, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true},
                               dashboard: {enabled: true}}}""")));

    private Chart() {}

    /**
     * Renders the chart.
     *
     * @param values YAML that overrides the chart's own values
     * @param kubeVersion version of the cluster that Helm assumes
     * @throws IllegalStateException with Helm's message if it rejects the values
     */
    static String template(String values, String kubeVersion) {
        return template("swav-operator", NAMESPACE, values, kubeVersion);
    }

    public static String template(String release, String namespace, String values, String kubeVersion) {
        try {
            Path file = Files.createTempFile("values", ".yaml");
            Files.writeString(file, values);
            try {
                return new Helm(FOLDER)
                        .template()
                        .withName(release)
                        .withNamespace(namespace)
                        .withKubeVersion(kubeVersion)
                        .withValuesFile(file)
                        .call();
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All documents that are not empty. */
    public static List<JsonNode> objects(String yaml) throws IOException {
        return YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml).readAll().stream()
                .filter(document -> document.isObject() && !document.isEmpty())
                .toList();
    }

    public static JsonNode yaml(String text) throws IOException {
        return YAML.readTree(text);
    }

    public static JsonNode only(List<JsonNode> objects, String kind) {
        List<JsonNode> those = objects.stream()
                .filter(object -> object.path("kind").asText().equals(kind))
                .toList();
        if (those.size() != 1) {
            throw new AssertionError(those.size() + " of " + kind);
        }
        return those.get(0);
    }

    public static String id(JsonNode object) {
        return object.path("kind").asText().toLowerCase(Locale.ROOT) + "/"
                + object.at("/metadata/name").asText();
    }
}
