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

/** The chart, rendered by Helm itself. */
public final class Chart {
    public static final Path FOLDER = Golden.PROJECT.resolve("charts/swav-operator");
    static final String NAMESPACE = "swav-system";
    private static final YAMLMapper YAML = new YAMLMapper();

    private Chart() {}

    /**
     * @param values YAML over the chart's own
     * @param kubeVersion of the cluster that Helm takes for granted
     * @throws IllegalStateException with Helm's words when it refuses
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

    /** Every document that is not empty. */
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
