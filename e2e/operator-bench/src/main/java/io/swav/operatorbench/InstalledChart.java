package io.swav.operatorbench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What the chart installs, as Helm renders it into {@code charts/kustomize/operator.yaml}: the operator's account and
 * rights on the cluster of the bench, and the environment and limits of its container.
 */
record InstalledChart(JsonNode deployment) {
    private static final String MANIFEST = "charts/kustomize/operator.yaml";
    private static final Set<String> RIGHTS =
            Set.of("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding");
    private static final Duration TOKEN_LIFETIME = Duration.ofDays(1);

    /**
     * Reads the manifest of this build.
     *
     * @throws LocalClusterException if it is not there
     */
    static InstalledChart read() {
        return new InstalledChart(document("Deployment"));
    }

    private static JsonNode document(String kind) {
        for (JsonNode object : documents()) {
            if (object.path("kind").asText().equals(kind)) {
                return object;
            }
        }
        throw new LocalClusterException(manifest() + " has no " + kind);
    }

    private static Iterable<JsonNode> documents() {
        ObjectReader reader = new YAMLMapper().readerFor(JsonNode.class);
        try {
            return reader.<JsonNode>readValues(Files.readString(manifest())).readAll();
        } catch (IOException e) {
            throw new LocalClusterException(
                    "cannot read the chart's manifest (" + e + "): run ./swav from a checkout of the project", e);
        }
    }

    private static Path manifest() {
        return Path.of(System.getProperty("swav.home", "")).resolve(MANIFEST).toAbsolutePath();
    }

    /** Creates the namespace, the account and its rights. */
    void install(KubernetesClient admin) {
        admin.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(namespace())
                        .endMetadata()
                        .build())
                .serverSideApply();
        for (JsonNode object : documents()) {
            if (RIGHTS.contains(object.path("kind").asText())) {
                admin.resource(Serialization.unmarshal(object.toString(), GenericKubernetesResource.class))
                        .serverSideApply();
            }
        }
    }

    String namespace() {
        return deployment.at("/metadata/namespace").asText();
    }

    private String account() {
        return deployment.at("/spec/template/spec/serviceAccountName").asText();
    }

    /** Returns the operator's name at the API server. */
    String user() {
        return "system:serviceaccount:" + namespace() + ":" + account();
    }

    String token(KubernetesClient admin) {
        return admin.serviceAccounts()
                .inNamespace(namespace())
                .withName(account())
                .tokenRequest(new TokenRequestBuilder()
                        .withNewSpec()
                        .withExpirationSeconds(TOKEN_LIFETIME.toSeconds())
                        .endSpec()
                        .build())
                .getStatus()
                .getToken();
    }

    private JsonNode container() {
        return deployment.at("/spec/template/spec/containers/0");
    }

    /** Returns the container's environment, with the JVM's options. */
    Map<String, String> environment() {
        Map<String, String> env = new TreeMap<>();
        container()
                .path("env")
                .forEach(variable -> env.put(
                        variable.path("name").asText(), variable.path("value").asText()));
        return env;
    }

    long memoryLimitBytes() {
        return Quantity.getAmountInBytes(
                        new Quantity(container().at("/resources/limits/memory").asText()))
                .longValueExact();
    }
}
