package io.swav.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads specs as an API server would: with the CRD's defaults, its checks, and {@link SpecValidator}. */
public final class SpecLoader {
    /** Fields that only the operator reads, and that it has to know of a spec that it accepted earlier. */
    public static final List<String> OPERATORS_OWN = List.of("activeDeadlineSeconds", "scheduling", "recipe");

    private static final ObjectMapper JSON = new ObjectMapper();

    private SpecLoader() {}

    /** Returns the CRD to install: the committed one. */
    public static CustomResourceDefinition crd() {
        return SchemaValidator.crd();
    }

    /**
     * Reads a YAML or JSON file that contains a SwavJob or its bare spec; the template may be missing.
     *
     * @throws InvalidSpecException if anything is wrong; names the file and every problem
     */
    public static SwavJobSpec load(Path file) {
        @Nullable JsonNode document = document(file);
        if (document == null || !(document.has("kind") || document.has("apiVersion"))) {
            return complete(file.toString(), document);
        }
        if (!document.path("kind").asText().equals("SwavJob")) {
            throw new InvalidSpecException(
                    file.toString(),
                    List.of("kind is \"" + document.path("kind").asText() + "\", must be SwavJob"));
        }
        return complete(file.toString(), document.path("spec"));
    }

    /**
     * Reads a YAML or JSON file whose size, depth and aliases are bounded; its contents are not checked.
     *
     * @return null if the file is empty
     * @throws InvalidSpecException if it cannot be read, is no YAML or JSON, or exceeds a bound
     */
    public static @Nullable JsonNode document(Path file) {
        try {
            return BoundedYaml.read(file);
        } catch (InvalidSpecException e) {
            throw e;
        } catch (RuntimeException e) { // from the parser
            throw new InvalidSpecException(file.toString(), List.of("not YAML or JSON: " + e.getMessage()));
        } catch (IOException e) {
            throw new InvalidSpecException(file.toString(), List.of("cannot be read: " + e));
        }
    }

    /**
     * Fills in defaults and checks everything.
     *
     * @param source what to call the spec in messages
     * @throws InvalidSpecException if anything is wrong; names every problem
     */
    public static SwavJobSpec complete(String source, @Nullable JsonNode spec) {
        if (!(spec instanceof ObjectNode given)) {
            throw new InvalidSpecException(source, List.of("spec is missing or not an object"));
        }
        ObjectNode completed = given.deepCopy();
        List<String> problems = new ArrayList<>(SchemaValidator.complete(SchemaValidator.spec(), "spec", completed));
        if (!completed.has("template")) {
            problems.remove("spec.template is missing");
        }
        if (problems.isEmpty()) {
            SwavJobSpec read = JSON.convertValue(completed, SwavJobSpec.class);
            problems.addAll(SpecValidator.broken(read));
            if (problems.isEmpty()) {
                return read;
            }
        }
        throw new InvalidSpecException(source, problems);
    }

    /**
     * Returns the trainers' configuration file {@link ResourceNames#CONFIG_KEY}: the spec without what is the operator's
     * alone, because trainers of an earlier version refuse fields that they do not know.
     */
    public static String config(SwavJobSpec spec) {
        ObjectNode json = JSON.valueToTree(spec);
        json.remove(List.of("template", "rollout"));
        json.remove(OPERATORS_OWN);
        return json.toPrettyString();
    }
}
