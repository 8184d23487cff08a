package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Tests the Argo CD package by its own test files, which have Argo CD's format. */
class ArgoTest {
    private static final List<String> ACTIONS = List.of("checkpoint-now", "resume", "scale", "suspend");

    @TestFactory
    List<DynamicTest> health() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode test : ArgoLua.data("health_test.yaml").get("tests")) {
            String input = test.get("inputPath").asText();
            tests.add(DynamicTest.dynamicTest(
                    input, () -> assertThat(ArgoLua.health(ArgoLua.data(input))).isEqualTo(test.get("healthStatus"))));
        }
        return tests;
    }

    @Test
    void everyPhaseIsAmongTheHealthTests() throws IOException {
        TreeSet<String> phases = new TreeSet<>();
        for (JsonNode test : ArgoLua.data("health_test.yaml").get("tests")) {
            phases.add(ArgoLua.data(test.get("inputPath").asText())
                    .at("/status/phase")
                    .asText("unseen"));
        }
        assertThat(phases)
                .contains(
                        "unseen",
                        "Pending",
                        "Running",
                        "Resizing",
                        "Holding",
                        "Suspended",
                        "Complete",
                        "Failed",
                        "Invalid");
    }

    /** A status does not describe a spec that the operator has not observed yet. */
    @TestFactory
    List<DynamicTest> aLaggingStatusIsNoAnswer() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode test : ArgoLua.data("health_test.yaml").get("tests")) {
            String input = test.get("inputPath").asText();
            tests.add(DynamicTest.dynamicTest(input, () -> {
                JsonNode job = ArgoLua.data(input);
                ((ObjectNode) job.get("metadata"))
                        .put("generation", job.at("/metadata/generation").asLong() + 1);
                assertThat(ArgoLua.health(job).get("status").asText()).isEqualTo("Progressing");
            }));
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> discovery() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode test : ArgoLua.data("actions/action_test.yaml").get("discoveryTests")) {
            String input = test.get("inputPath").asText();
            tests.add(DynamicTest.dynamicTest(input, () -> {
                Map<String, JsonNode> expected = new LinkedHashMap<>();
                test.get("result").forEach(action -> {
                    ObjectNode rest = action.deepCopy();
                    expected.put(rest.remove("name").asText(), rest);
                });
                Map<String, JsonNode> found = new LinkedHashMap<>();
                ArgoLua.discover(ArgoLua.data("actions/" + input))
                        .properties()
                        .forEach(action -> found.put(action.getKey(), action.getValue()));
                assertThat(found).isEqualTo(expected).containsOnlyKeys(ACTIONS);
            }));
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> actions() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        TreeSet<String> tested = new TreeSet<>();
        for (JsonNode test : ArgoLua.data("actions/action_test.yaml").get("actionTests")) {
            String action = test.get("action").asText();
            tested.add(action);
            Map<String, String> parameters = new LinkedHashMap<>();
            test.path("parameters")
                    .properties()
                    .forEach(p -> parameters.put(p.getKey(), p.getValue().asText()));
            tests.add(DynamicTest.dynamicTest(action, () -> {
                JsonNode input = ArgoLua.data("actions/" + test.get("inputPath").asText());
                JsonNode expected =
                        ArgoLua.data("actions/" + test.get("expectedOutputPath").asText());
                assertThat(plain(ArgoLua.act(action, input, parameters))).isEqualTo(plain(expected));
            }));
        }
        assertThat(tested).containsExactlyElementsOf(ACTIONS);
        return tests;
    }

    @Test
    void scaleRejectsInvalidCounts() throws IOException {
        JsonNode job = ArgoLua.data("testdata/running.yaml");
        for (String wrong : List.of("0", "-1", "2.5", "many", "")) {
            assertThatThrownBy(() -> ArgoLua.act("scale", job, Map.of("replicas", wrong)))
                    .hasMessageContaining("replicas: " + wrong + " is not a whole number");
        }
        assertThatThrownBy(() -> ArgoLua.act("scale", job, Map.of())).hasMessageContaining("replicas: nil");
    }

    @Test
    void theConfigMapContainsTheSameScripts() throws IOException {
        StringBuilder text = new StringBuilder("""
                # Made by ArgoTest from resource_customizations/: for Argo CDs that do not have it built in.
                #   kubectl -n argocd patch configmap argocd-cm --patch-file charts/argocd/argocd-cm.yaml
                data:
                  resource.customizations.health.swav.io_SwavJob: |
                """);
        text.append(indented(ArgoLua.script("health.lua"), 4));
        text.append("  resource.customizations.actions.swav.io_SwavJob: |\n    discovery.lua: |\n");
        text.append(indented(ArgoLua.script("actions/discovery.lua"), 6)).append("    definitions:\n");
        for (String action : ACTIONS) {
            text.append("      - name: ").append(action).append("\n        action.lua: |\n");
            text.append(indented(ArgoLua.script("actions/" + action + "/action.lua"), 10));
        }
        text.append("""
                  # a step is no reason to look at the application again
                  resource.customizations.ignoreResourceUpdates.swav.io_SwavJob: |
                    jsonPointers: [/status/progress, /metadata/resourceVersion, /metadata/managedFields]
                """);
        ProjectFiles.check("charts/argocd/argocd-cm.yaml", text.toString());
        JsonNode data =
                Chart.yaml(ProjectFiles.read("charts/argocd/argocd-cm.yaml")).get("data");
        assertThat(data.get("resource.customizations.health.swav.io_SwavJob").asText())
                .isEqualTo(ArgoLua.script("health.lua"));
        assertThat(Chart.yaml(data.get("resource.customizations.actions.swav.io_SwavJob")
                                .asText())
                        .get("definitions"))
                .hasSize(ACTIONS.size());
    }

    private static String indented(String script, int spaces) {
        return script.replaceAll("(?m)^(?=.)", " ".repeat(spaces));
    }

    /** Normalizes as Argo CD compares: whole and decimal numbers are alike, and so are empty lists and empty objects. */
    private static JsonNode plain(JsonNode node) {
        if (node.isObject()) {
            ObjectNode object = ((ObjectNode) node).objectNode();
            node.properties().stream()
                    .filter(field -> !(field.getValue().isContainerNode()
                            && field.getValue().isEmpty()))
                    .forEach(field -> object.set(field.getKey(), plain(field.getValue())));
            return object;
        }
        if (node.isArray()) {
            List<JsonNode> items = new ArrayList<>();
            node.forEach(item -> items.add(plain(item)));
            return new ArrayNode(JsonNodeFactory.instance, items);
        }
        return node.isNumber() ? TextNode.valueOf(Double.toString(node.asDouble())) : node;
    }
}
