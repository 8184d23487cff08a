package io.swav.api;

import static java.util.Objects.requireNonNullElse;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.cel.common.types.SimpleType;
import dev.cel.common.types.StructTypeReference;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.parser.CelStandardMacro;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRule;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Checks what API servers that know CEL (1.25 and newer) require of a CRD before they accept it. The server that the
 * other tests run is older and checks less.
 */
class CrdAcceptanceTest {
    private static final Map<String, JSONSchemaProps> NODES = nodes();

    /** A server does not fill in nested defaults before it judges one, so {@code {}} lacks all fields. */
    @TestFactory
    Stream<DynamicTest> aDefaultKeepsTheSchemaAndTheRulesOfItsOwnNode() {
        return NODES.entrySet().stream()
                .filter(node -> node.getValue().getDefault() != null)
                .map(node -> dynamicTest(node.getKey(), () -> {
                    JsonNode value = node.getValue().getDefault();
                    assertThat(SchemaValidator.problems(node.getValue(), node.getKey(), value))
                            .isEmpty();
                    assertThat(CelRules.broken(node.getValue(), value, value)).isEmpty();
                }));
    }

    /**
     * Compiles rules with types, because a field that the schema lacks, or an int compared with a string, fails only on
     * a server.
     */
    @TestFactory
    Stream<DynamicTest> rulesCompileWithTheTypesOfTheSchema() {
        CelTypes types = CelTypes.of("spec", SchemaValidator.spec());
        return rules((path, rule) -> {
            CelCompiler compiler = CelCompilerFactory.standardCelCompilerBuilder()
                    .setTypeProvider(types)
                    .addVar("self", StructTypeReference.create(path))
                    .addVar("oldSelf", StructTypeReference.create(path))
                    .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
                    .setResultType(SimpleType.BOOL)
                    .build();
            assertThatCode(() -> compiler.compile(rule.getRule()).getAst()).doesNotThrowAnyException();
        });
    }

    /** Later functions, such as quantity or isIP, are unknown to 1.25. */
    @TestFactory
    Stream<DynamicTest> rulesCallOnlyWhatCelHadIn125() {
        return rules((path, rule) -> assertThat(Pattern.compile("(\\w+)\\(")
                        .matcher(rule.getRule())
                        .results()
                        .map((MatchResult m) -> m.group(1)))
                .isSubsetOf("has", "size", "startsWith", "matches", "double"));
    }

    /**
     * messageExpression came with 1.27, optionalOldSelf with 1.30. fieldPath came with 1.28: older servers drop it,
     * unless a client requests strict validation, as kubectl does (docs/upgrade.md).
     */
    @TestFactory
    Stream<DynamicTest> rulesHaveARuleAMessageAndAFieldPath() {
        return rules((path, rule) -> {
            JsonNode keys = Serialization.unmarshal(Serialization.asJson(rule), JsonNode.class);
            assertThat(keys.fieldNames()).toIterable().containsExactlyInAnyOrder("rule", "message", "fieldPath");
            assertThat(NODES).containsKey(path + rule.getFieldPath());
        });
    }

    /**
     * Servers estimate a rule's cost from the largest value that the schema allows, and reject a rule that may cost
     * much.
     */
    @Test
    void stringsAndListsThatRulesMayReadAreBounded() {
        List<String> unbounded = new ArrayList<>();
        NODES.forEach((path, schema) -> {
            boolean bounded = switch (schema.getType()) {
                case "string" ->
                    schema.getMaxLength() != null || !schema.getEnum().isEmpty();
                case "array" -> schema.getMaxItems() != null;
                case "object" -> schema.getAdditionalProperties() == null;
                default -> true;
            };
            if (!bounded) {
                unbounded.add(path);
            }
        });
        assertThat(unbounded).isEmpty();
    }

    private static Stream<DynamicTest> rules(BiConsumer<String, ValidationRule> check) {
        return NODES.entrySet().stream()
                .flatMap(node ->
                        requireNonNullElse(node.getValue().getXKubernetesValidations(), List.<ValidationRule>of())
                                .stream()
                                .map(rule -> dynamicTest(
                                        node.getKey() + ": " + rule.getRule(),
                                        () -> check.accept(node.getKey(), rule))));
    }

    /** Returns every node of the spec by its path, a list's items as {@code path[]}. */
    private static Map<String, JSONSchemaProps> nodes() {
        Map<String, JSONSchemaProps> nodes = new LinkedHashMap<>();
        collect("spec", SchemaValidator.spec(), nodes);
        return nodes;
    }

    private static void collect(String path, JSONSchemaProps schema, Map<String, JSONSchemaProps> nodes) {
        nodes.put(path, schema);
        if (schema.getProperties() != null) {
            schema.getProperties().forEach((name, inner) -> collect(path + "." + name, inner, nodes));
        }
        if (schema.getItems() != null) {
            collect(path + "[]", schema.getItems().getSchema(), nodes);
        }
    }
}
