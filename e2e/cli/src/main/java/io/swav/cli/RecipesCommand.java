package io.swav.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.Recipe;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Lists the recipes, or prints one as the manifest that it stands for. */
@Command(
        name = "recipes",
        description = "List the recipes of spec.recipe, or print the settings of one as a manifest.",
        mixinStandardHelpOptions = true)
final class RecipesCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Parameters(arity = "0..1", paramLabel = "NAME", description = "The recipe; without it all are listed.")
    @Nullable
    String name;

    @Option(
            names = "--global-batch",
            paramLabel = "N",
            description = "Images per step, if they are not the recipe's: learning rates and frozen steps are scaled.")
    @Nullable
    Integer globalBatch;

    @Spec
    @Nullable
    CommandSpec command;

    @Override
    public Integer call() {
        PrintWriter out = Objects.requireNonNull(command).commandLine().getOut();
        if (name == null) {
            Recipe.all().forEach(recipe -> out.printf("%-26s %s%n", recipe.name(), recipe.summary()));
        } else {
            out.print(manifest(name, globalBatch));
        }
        out.flush();
        return 0;
    }

    /**
     * Returns a complete manifest; its template and URIs are to be replaced.
     *
     * @throws io.swav.api.InvalidSpecException if no recipe has this name, or the batch does not suit it
     */
    static String manifest(String name, @Nullable Integer globalBatch) {
        ObjectNode given = JSON.createObjectNode().put("recipe", name);
        given.withObject("/data").put("uri", "file:///data/train");
        given.withObject("/checkpoint").put("uri", "file:///data/checkpoints");
        ObjectNode container =
                given.withObject("/template/spec").putArray("containers").addObject();
        container.put("name", "trainer").put("image", "ghcr.io/swav-operator/swav-trainer:0.1.0");
        if (globalBatch != null) {
            given.withObject("/training").put("globalBatch", globalBatch);
        }
        SwavJobSpec resolved = SpecLoader.complete("recipe " + name, given);
        ObjectNode all = JSON.valueToTree(resolved);
        given.remove(List.of("recipe", "training"));
        for (String part : List.of("model", "crops", "assignment", "training")) {
            given.set(part, all.get(part));
        }
        ObjectNode job =
                JSON.createObjectNode().put("apiVersion", "swav.io/v1alpha1").put("kind", "SwavJob");
        job.withObject("/metadata").put("name", name);
        job.set("spec", given);
        String batch = globalBatch == null ? "" : " with `training.globalBatch: " + globalBatch + "`";
        return "# Recipe " + name + ", written out; `recipe: " + name + "`" + batch + " in a manifest sets the same.\n"
                + Serialization.asYaml(job);
    }
}
