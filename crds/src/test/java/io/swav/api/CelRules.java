package io.swav.api;

import com.fasterxml.jackson.databind.JsonNode;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Evaluates the CRD's own CEL rules as an API server from 1.25 on does: integers as int, numbers as double. */
final class CelRules {
    private static final CelCompiler COMPILER = CelCompilerFactory.standardCelCompilerBuilder()
            .addVar("self", SimpleType.DYN)
            .addVar("oldSelf", SimpleType.DYN)
            .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
            .build();
    private static final CelRuntime RUNTIME =
            CelRuntimeFactory.plannerRuntimeBuilder().build();

    private final List<String> broken = new ArrayList<>();

    private CelRules() {}

    /**
     * Returns the messages of the rules that fail, in the schema's order; rules about a change count only with {@code
     * before}.
     */
    static List<String> broken(JSONSchemaProps schema, JsonNode value, @Nullable JsonNode before) {
        CelRules rules = new CelRules();
        rules.visit(schema, value, before);
        return rules.broken;
    }

    private void visit(JSONSchemaProps schema, JsonNode value, @Nullable JsonNode before) {
        List<ValidationRule> validations = schema.getXKubernetesValidations();
        for (ValidationRule rule : validations == null ? List.<ValidationRule>of() : validations) {
            boolean transition = rule.getRule().contains("oldSelf");
            if ((!transition || before != null)
                    && !holds(rule.getRule(), schema, value, before)
                    && !broken.contains(rule.getMessage())) {
                broken.add(rule.getMessage());
            }
        }
        if (value.isObject() && schema.getProperties() != null) {
            schema.getProperties().forEach((name, inner) -> {
                if (value.has(name)) {
                    visit(inner, value.get(name), before == null ? null : before.get(name));
                }
            });
        } else if (value.isArray()) {
            value.forEach(item -> visit(schema.getItems().getSchema(), item, null));
        }
    }

    private static boolean holds(String rule, JSONSchemaProps schema, JsonNode value, @Nullable JsonNode before) {
        Map<String, Object> variables = new HashMap<>();
        variables.put("self", typed(schema, value));
        if (before != null) {
            variables.put("oldSelf", typed(schema, before));
        }
        try {
            return (boolean)
                    RUNTIME.createProgram(COMPILER.compile(rule).getAst()).eval(variables);
        } catch (CelValidationException | CelEvaluationException e) {
            throw new IllegalStateException("rule " + rule, e);
        }
    }

    private static Object typed(JSONSchemaProps schema, JsonNode value) {
        switch (schema.getType()) {
            case "object" -> {
                Map<String, Object> map = new HashMap<>();
                if (schema.getProperties() != null) {
                    schema.getProperties().forEach((name, inner) -> {
                        if (value.has(name)) {
                            map.put(name, typed(inner, value.get(name)));
                        }
                    });
                }
                return map;
            }
            case "array" -> {
                List<Object> list = new ArrayList<>();
                value.forEach(item -> list.add(typed(schema.getItems().getSchema(), item)));
                return list;
            }
            case "integer" -> {
                return value.longValue();
            }
            case "number" -> {
                return value.doubleValue();
            }
            case "boolean" -> {
                return value.booleanValue();
            }
            default -> {
                return value.textValue();
            }
        }
    }
}
