package io.swav.charts;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/** Generates {@code charts/swav-operator/README.md} from the schema (descriptions, types) and the values (defaults). */
final class ChartReadme {
    private static final String TOP = """
            <!-- Made from values.yaml and values.schema.json by ChartTest; do not edit. -->
            # Chart swav-operator

            Installs SwavJob's definition and the operator. Kubernetes 1.20 and later.

            <!-- not run: needs nodes that pull images; ChartIT installs and uninstalls it where there are none -->
            ```sh
            helm install swav-operator charts/swav-operator --namespace swav-system --create-namespace
            helm upgrade swav-operator charts/swav-operator --namespace swav-system
            helm uninstall swav-operator --namespace swav-system   # SwavJob's definition and all jobs stay
            ```

            Without Helm: `kubectl apply -k charts/kustomize`. With Argo CD: `charts/argocd`. A value that does not exist or
            has the wrong type is refused by its name.

            | value | what it does | type | default |
            |---|---|---|---|
            """;

    private ChartReadme() {}

    /** @throws IllegalStateException naming values without a description or without a default */
    static String of(JsonNode schema, JsonNode values) {
        StringBuilder text = new StringBuilder(TOP);
        List<String> missing = new ArrayList<>();
        rows("", schema, values, text, missing);
        values.properties().stream()
                .filter(value -> !schema.path("properties").has(value.getKey()))
                .forEach(value -> missing.add(value.getKey() + " is not in the schema"));
        if (!missing.isEmpty()) {
            throw new IllegalStateException(String.join("; ", missing));
        }
        return text.toString();
    }

    private static void rows(String path, JsonNode schema, JsonNode values, StringBuilder text, List<String> missing) {
        schema.path("properties").properties().forEach(property -> {
            String name = path + property.getKey();
            JsonNode inner = property.getValue();
            JsonNode value = values.path(property.getKey());
            if (!inner.has("description")) {
                missing.add(name + " has no description");
            }
            if (value.isMissingNode() && !name.equals("global")) {
                missing.add(name + " has no default");
            }
            if (inner.has("properties")) {
                rows(name + ".", inner, value, text, missing);
            } else if (!name.equals("global")) {
                text.append("| `%s` | %s | %s | `%s` |%n"
                        .formatted(
                                name,
                                inner.path("description").asText(),
                                type(inner),
                                value.toString().replace("|", "\\|")));
            }
        });
    }

    private static String type(JsonNode schema) {
        if (schema.has("enum")) {
            List<String> words = new ArrayList<>();
            schema.get("enum").forEach(word -> words.add(word.asText()));
            return String.join(", ", words);
        }
        JsonNode type = schema.get("type");
        if (type.isArray()) {
            List<String> names = new ArrayList<>();
            type.forEach(name -> names.add(name.asText()));
            return String.join(" or ", names);
        }
        return type.asText();
    }
}
