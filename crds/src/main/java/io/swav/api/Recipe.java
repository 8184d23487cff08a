package io.swav.api;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A set of settings with a name: {@link SwavJobSpec} takes from it what a manifest does not set. All of them are in {@code
 * recipes.yaml}, with their sources.
 *
 * @param name value of {@code spec.recipe}; {@link #NONE} for what holds without one
 * @param summary one line: network, batch, epochs, published result
 * @param training null in the fields that no recipe sets, which have defaults in the schema
 */
public record Recipe(
        String name,
        String summary,
        ModelSpec model,
        List<CropSpec> crops,
        AssignmentSpec assignment,
        TrainingSpec training) {
    /** The name of the settings without a recipe. */
    static final String NONE = "none";

    /** Digits of a scaled rate: enough for any, and too few for an error of rounding. */
    private static final MathContext DIGITS = new MathContext(12);

    /** The schema's values of {@link SwavJobSpec#recipe}. */
    enum Name {
        @JsonProperty("imagenet-800ep")
        IMAGENET_800EP,
        @JsonProperty("imagenet-400ep")
        IMAGENET_400EP,
        @JsonProperty("imagenet-200ep")
        IMAGENET_200EP,
        @JsonProperty("imagenet-100ep")
        IMAGENET_100EP,
        @JsonProperty("imagenet-400ep-2x224")
        IMAGENET_400EP_2X224,
        @JsonProperty("imagenet-256-queue-200ep")
        IMAGENET_256_QUEUE_200EP,
        @JsonProperty("imagenet-256-queue-400ep")
        IMAGENET_256_QUEUE_400EP,
        @JsonProperty("imagenet-256-queuefree")
        IMAGENET_256_QUEUEFREE,
        @JsonProperty("imagenet-w2")
        IMAGENET_W2,
        @JsonProperty("imagenet-w4")
        IMAGENET_W4,
        @JsonProperty("imagenet-w5")
        IMAGENET_W5,
        @JsonProperty("cifar10-resnet18")
        CIFAR10_RESNET18
    }

    /** Read on first use: the records are used without any recipe, too, for example by the generator of the CRD. */
    private static final class Loaded {
        private static final Map<String, Recipe> ALL = load();
    }

    /** Returns all recipes that a job may name. */
    public static List<Recipe> all() {
        return Loaded.ALL.values().stream()
                .filter(recipe -> !recipe.name.equals(NONE))
                .toList();
    }

    /** Returns the recipe of this name; empty if this version knows none. */
    public static Optional<Recipe> named(String name) {
        return Optional.ofNullable(Loaded.ALL.get(name)).filter(recipe -> !recipe.name.equals(NONE));
    }

    /** Returns the settings that a job has where its manifest is silent. An unknown recipe is for {@link SpecValidator}. */
    static Recipe of(@Nullable String name) {
        return Objects.requireNonNull(
                Loaded.ALL.getOrDefault(Objects.requireNonNullElse(name, NONE), Loaded.ALL.get(NONE)));
    }

    /** Whether rates and the freeze are scaled to a job's own batch. Jobs of versions without recipes set them all. */
    boolean scales() {
        return !name.equals(NONE);
    }

    /** Returns the value of the manifest, or else that of the recipe. */
    static <T> T either(@Nullable T own, T ofRecipe) {
        return own == null ? ofRecipe : own;
    }

    /**
     * Returns a learning rate scaled in proportion to the batch.
     *
     * @param ratio batch / the batch for which the rate is
     */
    static Double scaled(Double rate, double ratio) {
        return ratio == 1
                ? rate
                : Double.valueOf(new BigDecimal(rate * ratio).round(DIGITS).doubleValue());
    }

    private static Map<String, Recipe> load() {
        Map<String, Recipe> all = new LinkedHashMap<>();
        ObjectMapper json = new ObjectMapper();
        try (InputStream file = Recipe.class.getResourceAsStream("recipes.yaml")) {
            JsonNode recipes = Serialization.unmarshal(
                    Objects.requireNonNull(file, "missing from the jar: recipes.yaml"), JsonNode.class);
            for (Map.Entry<String, JsonNode> entry : recipes.properties()) {
                ObjectNode own = (ObjectNode) entry.getValue();
                JsonNode from = own.remove("from");
                Recipe read = json.convertValue(own.put("name", entry.getKey()), Recipe.class);
                all.put(
                        entry.getKey(),
                        from == null ? read : read.over(Objects.requireNonNull(all.get(from.asText()), from.asText())));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    /** Returns this recipe with the settings of another one where it sets none. */
    private Recipe over(Recipe other) {
        return new Recipe(
                name,
                summary,
                ModelSpec.over(model, other.model),
                either(crops, other.crops),
                AssignmentSpec.over(assignment, other.assignment),
                TrainingSpec.over(training, other.training, true));
    }
}
