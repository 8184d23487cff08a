package io.swav.api;

import static java.util.Objects.requireNonNull;

import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Writes {@code docs/reference.md}: every field of the schema with its type, default, bounds and description. */
final class CrdReference {
    private static final String TOP = """
            <!-- Generated from the classes in io.swav.api by CrdTest; do not edit. -->
            # SwavJob, field by field

            `apiVersion: swav.io/v1alpha1`, `kind: SwavJob`, short name `swj`. `kubectl explain swavjob.spec --recursive` prints
            the same from a cluster. A field that is not set gets its default; `*` marks required fields.
            """;

    private CrdReference() {}

    static String of(JSONSchemaProps root) {
        StringBuilder text = new StringBuilder(TOP);
        section("spec", requireNonNull(root.getProperties().get("spec")), text);
        section("status", requireNonNull(root.getProperties().get("status")), text);
        return text.toString();
    }

    private static void section(String path, JSONSchemaProps schema, StringBuilder text) {
        text.append("\n## ")
                .append(path)
                .append("\n\n")
                .append(schema.getDescription())
                .append("\n\n");
        text.append("| field | type | default | what it is |\n|---|---|---|---|\n");
        List<Map.Entry<String, JSONSchemaProps>> inner = new ArrayList<>();
        schema.getProperties().forEach((name, field) -> {
            boolean required = schema.getRequired().contains(name);
            text.append("| `%s`%s | %s | %s | %s |\n"
                    .formatted(
                            name, required ? " *" : "", type(field), defaultOf(field), cell(field.getDescription())));
            JSONSchemaProps fields =
                    field.getItems() == null ? field : field.getItems().getSchema();
            if (fields.getProperties() != null && !fields.getProperties().isEmpty()) {
                inner.add(Map.entry(name, describedBy(field, fields)));
            }
        });
        List<String> rules = schema.getXKubernetesValidations().stream()
                .map(ValidationRule::getMessage)
                .toList();
        if (!rules.isEmpty()) {
            text.append("\nRules:\n\n");
            rules.forEach(rule -> text.append("- ").append(rule).append('\n'));
        }
        inner.forEach(field -> section(path + "." + field.getKey(), field.getValue(), text));
    }

    /** Gives items of a list the description of the list, because they have none of their own. */
    private static JSONSchemaProps describedBy(JSONSchemaProps field, JSONSchemaProps fields) {
        fields.setDescription(field.getDescription());
        return fields;
    }

    private static String type(JSONSchemaProps field) {
        if (field.getEnum() != null && !field.getEnum().isEmpty()) {
            return String.join(
                    ", ", field.getEnum().stream().map(e -> e.asText()).toList());
        }
        String type = field.getType();
        if (field.getItems() != null) {
            type = "list of " + field.getItems().getSchema().getType();
        }
        List<String> bounds = new ArrayList<>();
        if (field.getMinimum() != null) {
            bounds.add((Boolean.TRUE.equals(field.getExclusiveMinimum()) ? "> " : "≥ ") + number(field.getMinimum()));
        }
        if (field.getMaximum() != null) {
            bounds.add((Boolean.TRUE.equals(field.getExclusiveMaximum()) ? "< " : "≤ ") + number(field.getMaximum()));
        }
        return bounds.isEmpty() ? type : type + " " + String.join(", ", bounds);
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }

    private static String defaultOf(JSONSchemaProps field) {
        return field.getDefault() == null || field.getDefault().toString().equals("{}")
                ? ""
                : "`" + field.getDefault() + "`";
    }

    private static String cell(String text) {
        return text.replace("|", "\\|");
    }
}
