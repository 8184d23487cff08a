package io.swav.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Applies the CRD's structural schema as an API server does, as far as this schema needs: fills in defaults, then
 * checks types, required and unknown fields, bounds and enums. So the schema is the only place for defaults.
 */
final class SchemaValidator {
    private static final String CRD = "/META-INF/fabric8/swavjobs.swav.io-v1.yml";

    private final List<String> problems = new ArrayList<>();

    private SchemaValidator() {}

    /** Returns the committed CRD. */
    static CustomResourceDefinition crd() {
        try (InputStream file = SchemaValidator.class.getResourceAsStream(CRD)) {
            if (file == null) {
                throw new IllegalStateException("missing from the jar: " + CRD);
            }
            return Serialization.unmarshal(file, CustomResourceDefinition.class);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the schema of {@code spec}. */
    static JSONSchemaProps spec() {
        JSONSchemaProps root = crd().getSpec().getVersions().get(0).getSchema().getOpenAPIV3Schema();
        return Objects.requireNonNull(root.getProperties().get("spec"), "schema of spec");
    }

    /** Fills in the defaults of {@code value} and returns what is wrong with it, each problem with its field. */
    static List<String> complete(JSONSchemaProps schema, String field, JsonNode value) {
        defaults(schema, value);
        return problems(schema, field, value);
    }

    /** Returns what is wrong with {@code value} as it is, each problem with its field. */
    static List<String> problems(JSONSchemaProps schema, String field, JsonNode value) {
        SchemaValidator check = new SchemaValidator();
        check.check(schema, field, value);
        return List.copyOf(check.problems);
    }

    private static void defaults(JSONSchemaProps schema, JsonNode value) {
        if (value instanceof ObjectNode object && schema.getProperties() != null) {
            for (Map.Entry<String, JSONSchemaProps> property :
                    schema.getProperties().entrySet()) {
                String name = property.getKey();
                if (object.path(name).isNull()) {
                    object.remove(name);
                }
                JsonNode byDefault = property.getValue().getDefault();
                if (!object.has(name) && byDefault != null) {
                    object.set(name, byDefault.deepCopy());
                }
                if (object.has(name)) {
                    defaults(property.getValue(), object.get(name));
                }
            }
        } else if (value instanceof ArrayNode array) {
            array.forEach(item -> defaults(schema.getItems().getSchema(), item));
        }
    }

    private void check(JSONSchemaProps schema, String field, JsonNode value) {
        switch (schema.getType()) {
            case "object" -> object(schema, field, value);
            case "array" -> array(schema, field, value);
            case "integer" -> {
                if (require(value.isIntegralNumber() && value.canConvertToLong(), field, "a whole number", value)) {
                    bounds(schema, field, value);
                }
            }
            case "number" -> {
                if (require(
                        value.isNumber() && Double.isFinite(value.doubleValue()), field, "a finite number", value)) {
                    bounds(schema, field, value);
                }
            }
            case "boolean" -> require(value.isBoolean(), field, "true or false", value);
            case "string" -> {
                if (require(value.isTextual(), field, "a string", value)) {
                    text(schema, field, value.textValue());
                }
            }
            default -> throw new IllegalStateException("schema of " + field + " has type " + schema.getType());
        }
    }

    private void object(JSONSchemaProps schema, String field, JsonNode value) {
        if (!require(value.isObject(), field, "an object", value)
                || Boolean.TRUE.equals(schema.getXKubernetesPreserveUnknownFields())) {
            return;
        }
        for (String name : schema.getRequired()) {
            if (!value.has(name)) {
                problems.add(field + "." + name + " is missing");
            }
        }
        value.properties().forEach(entry -> {
            JSONSchemaProps known = schema.getProperties().get(entry.getKey());
            String inner = field + "." + entry.getKey();
            if (known == null) {
                problems.add(inner + " is not a field; the fields are "
                        + String.join(", ", schema.getProperties().keySet()));
            } else {
                check(known, inner, entry.getValue());
            }
        });
    }

    private void array(JSONSchemaProps schema, String field, JsonNode value) {
        if (!require(value.isArray(), field, "a list", value)) {
            return;
        }
        if (schema.getMinItems() != null && value.size() < schema.getMinItems()) {
            problems.add(field + " needs at least " + schema.getMinItems() + ", has " + value.size());
        }
        if (schema.getMaxItems() != null && value.size() > schema.getMaxItems()) {
            problems.add(field + " takes at most " + schema.getMaxItems() + ", has " + value.size());
        }
        for (int i = 0; i < value.size(); i++) {
            check(schema.getItems().getSchema(), field + "[" + i + "]", value.get(i));
        }
    }

    private void bounds(JSONSchemaProps schema, String field, JsonNode value) {
        double number = value.doubleValue();
        Double min = schema.getMinimum();
        boolean above = Boolean.TRUE.equals(schema.getExclusiveMinimum());
        if (min != null && (above ? number <= min : number < min)) {
            problems.add(field + " is " + value + ", must be " + (above ? "above " : "at least ") + text(min));
        }
        Double max = schema.getMaximum();
        boolean below = Boolean.TRUE.equals(schema.getExclusiveMaximum());
        if (max != null && (below ? number >= max : number > max)) {
            problems.add(field + " is " + value + ", must be " + (below ? "below " : "at most ") + text(max));
        }
    }

    private void text(JSONSchemaProps schema, String field, String value) {
        if (schema.getEnum() != null && !schema.getEnum().isEmpty()) {
            List<String> choices =
                    schema.getEnum().stream().map(JsonNode::asText).toList();
            if (!choices.contains(value)) {
                problems.add(field + " is \"" + Shown.of(value) + "\", must be one of " + String.join(", ", choices));
            }
        }
        if (schema.getMinLength() != null && value.length() < schema.getMinLength()) {
            problems.add(field + " is empty");
        }
        if (schema.getMaxLength() != null && value.length() > schema.getMaxLength()) {
            problems.add(field + " is longer than " + schema.getMaxLength() + " characters");
        }
    }

    private boolean require(boolean holds, String field, String what, JsonNode value) {
        if (!holds) {
            String shown = value.isNumber() ? value.asText() : value.toString(); // NaN in quotes would be text
            problems.add(field + " is " + Shown.of(shown) + ", must be " + what);
        }
        return holds;
    }

    private static String text(double bound) {
        return bound == Math.rint(bound) ? Long.toString((long) bound) : Double.toString(bound);
    }
}
