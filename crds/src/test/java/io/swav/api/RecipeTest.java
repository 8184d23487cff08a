package io.swav.api;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares the recipes with the published numbers, and what a manifest sets with what its job gets. */
class RecipeTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JSONSchemaProps SCHEMA = SchemaValidator.spec();
    private static final Path DIGESTS = Path.of("src/test/resources/io/swav/api/recipes.txt");
    private static final String TWO = "2x224 0.14-1.0";
    private static final String EIGHT = TWO + " 6x96 0.05-0.14";
    private static final String LARGE = "lr 4.8 to 0.0048, warm-up 10.0 from 0.3, freeze 313";
    private static final String SMALL = "lr 0.6 to 6.0E-4, warm-up 0.0 from 0.0, freeze 5005";

    static Stream<Arguments> recipes() {
        return Stream.of(
                arguments("imagenet-800ep", "resnet50 2048", EIGHT, "none", "4096/512/64 800 epochs", LARGE),
                arguments("imagenet-400ep", "resnet50 2048", EIGHT, "none", "4096/512/64 400 epochs", LARGE),
                arguments("imagenet-200ep", "resnet50 2048", EIGHT, "none", "4096/512/64 200 epochs", LARGE),
                arguments("imagenet-100ep", "resnet50 2048", EIGHT, "none", "4096/512/64 100 epochs", LARGE),
                arguments(
                        "imagenet-400ep-2x224",
                        "resnet50 2048",
                        "2x224 0.08-1.0",
                        "none",
                        "4096/512/64 400 epochs",
                        LARGE),
                arguments(
                        "imagenet-256-queue-200ep",
                        "resnet50 2048",
                        EIGHT,
                        "3840 from 15",
                        "256/256/64 200 epochs",
                        SMALL),
                arguments(
                        "imagenet-256-queue-400ep",
                        "resnet50 2048",
                        EIGHT,
                        "3840 from 15",
                        "256/256/64 400 epochs",
                        SMALL),
                arguments("imagenet-256-queuefree", "resnet50 2048", EIGHT, "none", "256/256/64 200 epochs", SMALL),
                arguments(
                        "imagenet-w2",
                        "resnet50w2 8192",
                        TWO + " 4x96 0.05-0.14",
                        "none",
                        "4096/256/32 400 epochs",
                        LARGE),
                arguments(
                        "imagenet-w4",
                        "resnet50w4 8192",
                        "2x224 0.08-1.0 4x96 0.08-0.14",
                        "2560 from 0",
                        "2560/320/40 400 epochs",
                        "lr 3.0 to 0.003, warm-up 10.0 from 0.1875, freeze 501"),
                arguments(
                        "imagenet-w5",
                        "resnet50w5 10240 without norm",
                        EIGHT,
                        "1536 from 0",
                        "1536/96/12 300 epochs",
                        "lr 1.8 to 0.0018, warm-up 10.0 from 0.1125, freeze 835"),
                arguments(
                        "cifar10-resnet18",
                        "resnet18 2048",
                        "2x32 0.14-1.0",
                        "none",
                        "256/null/64 200 epochs",
                        "lr 0.6 to 6.0E-4, warm-up 0.0 from 0.0, freeze 195"));
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void hasThePublishedSettings(
            String name, String network, String crops, String queue, String batch, String optimizer) {
        SwavJobSpec spec = complete("recipe: " + name);
        ModelSpec model = spec.model();
        assertThat(model.architecture() + " " + model.hiddenDim() + (model.headNorm() == null ? "" : " without norm"))
                .isEqualTo(network);
        assertThat(spec.crops().stream()
                        .map(crop ->
                                "%dx%d %s-%s".formatted(crop.count(), crop.size(), crop.minScale(), crop.maxScale())))
                .isEqualTo(List.of(crops.split(" (?=\\dx)")));
        AssignmentSpec.Queue kept = spec.assignment().queue();
        assertThat(kept == null ? "none" : kept.length() + " from " + kept.fromEpoch())
                .isEqualTo(queue);
        TrainingSpec training = spec.training();
        assertThat("%d/%s/%d %d epochs"
                        .formatted(
                                training.globalBatch(),
                                training.batchNorm().groupSize(),
                                training.groupSize(),
                                training.epochs()))
                .isEqualTo(batch);
        TrainingSpec.Optimizer rates = training.optimizer();
        assertThat("lr %s to %s, warm-up %s from %s, freeze %d"
                        .formatted(
                                rates.learningRate(),
                                rates.finalLearningRate(),
                                rates.warmupEpochs(),
                                rates.warmupStart(),
                                training.prototypesFrozenSteps()))
                .isEqualTo(optimizer);
        assertThat(rates.weightDecay()).isEqualTo(1e-6);
        assertThat(rates.momentum()).isEqualTo(0.9);
        boolean small = name.startsWith("cifar");
        assertThat(model.prototypes()).isEqualTo(small ? 512 : 3000);
        assertThat(model.stem()).isEqualTo(small ? "small" : "imagenet");
        assertThat(training.augmentation())
                .isEqualTo(new TrainingSpec.Augmentation(small ? 0.5 : 1.0, 0.8, 0.2, small ? 0 : 0.5));
    }

    @Test
    void theTableIsOfAllRecipesAndTheSchemaKnowsThem() {
        List<String> names = Recipe.all().stream().map(Recipe::name).toList();
        assertThat(recipes().map(row -> String.valueOf(row.get()[0]))).containsExactlyInAnyOrderElementsOf(names);
        assertThat(requireNonNull(SCHEMA.getProperties().get("recipe")).getEnum().stream()
                        .map(JsonNode::asText))
                .containsExactlyInAnyOrderElementsOf(names);
    }

    /** The digest that jobs of versions without recipes have, with the defaults written out by the API server. */
    @Test
    void aJobWithoutRecipeIsTheJobOfEarlierVersions() {
        assertThat(TrainingSettings.digest(TrainingSettings.of(complete("replicas: 1"))))
                .isEqualTo("022a7965bdfcf0cb");
    }

    /** A released recipe does not change: jobs that are created again have to get what they got. */
    @Test
    void noRecipeChanges() throws IOException {
        StringBuilder digests = new StringBuilder();
        for (Recipe recipe : Recipe.all()) {
            SwavJobSpec spec = complete("recipe: " + recipe.name());
            digests.append("%-26s %s%n".formatted(recipe.name(), TrainingSettings.digest(TrainingSettings.of(spec))));
        }
        if ("write".equals(System.getProperty("swav.golden"))) {
            Files.createDirectories(DIGESTS.getParent());
            Files.writeString(DIGESTS, digests);
        }
        assertThat(Files.readString(DIGESTS))
                .as("a changed recipe needs a name of its own; for a new one -Dswav.golden=write adds the digest")
                .isEqualTo(digests.toString());
    }

    /** Otherwise a rule would refuse a manifest whose job is valid. */
    @ParameterizedTest
    @MethodSource("recipes")
    void theApiServersRulesAcceptIt(String name) {
        JsonNode spec = yaml("recipe: " + name);
        assertThat(SchemaValidator.complete(SCHEMA, "spec", spec)).isEmpty();
        assertThat(CelRules.broken(SCHEMA, spec, null)).isEmpty();
        assertThat(CelRules.broken(SCHEMA, spec, spec)).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("recipes")
    void eachFieldOfTheManifestWins(String name) {
        ObjectNode resolved = JSON.valueToTree(complete("recipe: " + name));
        List<String> paths = leaves(resolved);
        assertThat(paths).hasSizeGreaterThan(24);
        for (String path : paths) {
            ObjectNode manifest = yaml("recipe: " + name);
            JsonNode other = other(path, resolved.at(path));
            set(manifest, path, other);
            JsonNode job = JSON.valueToTree(JSON.convertValue(manifest, SwavJobSpec.class));
            assertThat(job.at(path)).as("%s %s", name, path).isEqualTo(other);
            for (String same : paths) {
                boolean follows = path.endsWith("globalBatch")
                        && (same.endsWith("Rate") || same.endsWith("Start") || same.endsWith("FrozenSteps"));
                boolean gone = path.endsWith("/mode") && same.startsWith("/assignment/queue");
                if (!same.equals(path) && !follows && !gone) {
                    assertThat(job.at(same)).as("%s %s: %s", name, path, same).isEqualTo(resolved.at(same));
                }
            }
        }
    }

    /** The spec is resolved when it is read from the API server, and again when it is read from where it was stored. */
    @Test
    void resolvingAgainChangesNothing() {
        Random random = new Random(20);
        for (int run = 0; run < 500; run++) {
            Recipe recipe = Recipe.all().get(random.nextInt(Recipe.all().size()));
            ObjectNode manifest = yaml("recipe: " + recipe.name());
            ObjectNode resolved = JSON.valueToTree(complete("recipe: " + recipe.name()));
            List<String> paths = new ArrayList<>(leaves(resolved));
            paths.add("/model/headNorm");
            paths.add("/training/optimizer/excludeBiasAndNorm");
            Collections.shuffle(paths, random);
            for (String path : paths.subList(0, random.nextInt(6))) {
                boolean optional = path.endsWith("Norm");
                set(
                        manifest,
                        path,
                        optional
                                ? JSON.getNodeFactory().booleanNode(random.nextBoolean())
                                : other(path, resolved.at(path)));
            }
            SwavJobSpec once = JSON.convertValue(manifest, SwavJobSpec.class);
            SwavJobSpec twice = JSON.convertValue(JSON.valueToTree(once), SwavJobSpec.class);
            assertThat(twice).as(manifest.toString()).isEqualTo(once);
            assertThat(twice.withEpochs(once.training().epochs())).isEqualTo(once);
        }
    }

    @Test
    void ratesAndTheFreezeFollowABatchOfTheManifest() {
        TrainingSpec training = complete("recipe: imagenet-200ep, training: {globalBatch: 1024}")
                .training();
        assertThat(training.optimizer().learningRate()).isEqualTo(1.2);
        assertThat(training.optimizer().finalLearningRate()).isEqualTo(0.0012);
        assertThat(training.optimizer().warmupStart()).isEqualTo(0.075);
        assertThat(training.prototypesFrozenSteps()).isEqualTo(1252);

        TrainingSpec own = complete(
                        "recipe: imagenet-200ep, training: {globalBatch: 1024, optimizer: {learningRate: 4.8}}")
                .training();
        assertThat(own.optimizer().learningRate()).isEqualTo(4.8);

        assertThat(complete("training: {globalBatch: 1024}")
                        .training()
                        .optimizer()
                        .learningRate())
                .as("as in versions without recipes")
                .isEqualTo(4.8);
    }

    @Test
    void aMessageNamesTheRecipeBehindTheSettings() {
        assertThat(broken("recipe: imagenet-w4, training: {globalBatch: 4096}"))
                .contains(SpecValidator.QUEUE_LENGTH, SpecValidator.GROUP_SIZE)
                .last()
                .asString()
                .startsWith("spec.recipe imagenet-w4 sets what the manifest does not");
        assertThat(broken("recipe: imagenet-900ep"))
                .singleElement()
                .asString()
                .startsWith("spec.recipe is \"imagenet-900ep\", must be one of imagenet-100ep, ");
    }

    @Test
    void theResolvedSettingsDecideWhichRecipeMayFollow() {
        SwavJobSpec shorter = complete("recipe: imagenet-200ep");
        SwavJobSpec longer = complete("recipe: imagenet-400ep");
        assertThat(SpecValidator.changed(shorter, longer)).isEmpty();
        assertThat(SpecValidator.changed(longer, shorter))
                .containsExactly(
                        SpecValidator.EPOCHS_GROW,
                        "spec.recipe is imagenet-200ep instead of imagenet-400ep: training.epochs 200 instead of 400");
        assertThat(SpecValidator.changed(longer, complete("recipe: imagenet-400ep-2x224")))
                .contains(SpecValidator.FIXED_CROPS)
                .last()
                .asString()
                .contains("crops[0].minScale 0.08 instead of 0.14");
        assertThat(SpecValidator.changed(shorter, complete("recipe: imagenet-100ep, training: {epochs: 200}")))
                .as("the same settings by another name")
                .isEmpty();
    }

    /** {@code kubectl replace} of an object in which an earlier version's API server wrote the defaults out. */
    @Test
    void aSilentManifestMayReplaceOneWithItsDefaultsWrittenOut() {
        JsonNode silent = yaml("replicas: 1");
        assertThat(SchemaValidator.complete(SCHEMA, "spec", silent)).isEmpty();
        SwavJobSpec spec = JSON.convertValue(silent, SwavJobSpec.class);
        JsonNode written = JSON.valueToTree(spec);
        assertThat(CelRules.broken(SCHEMA, silent, written)).isEmpty();
        assertThat(CelRules.broken(SCHEMA, written, silent)).isEmpty();
        assertThat(SpecValidator.changed(JSON.convertValue(written, SwavJobSpec.class), spec))
                .isEmpty();
    }

    @Test
    void trainersAreGivenTheSettingsAndNotTheRecipe() throws Exception {
        JsonNode config = JSON.readTree(SpecLoader.config(complete("recipe: imagenet-w5")));
        assertThat(config.has("recipe")).isFalse();
        assertThat(config.at("/model/headNorm")).isEqualTo(JSON.getNodeFactory().booleanNode(false));
        assertThat(TrainingSettings.of(JSON.convertValue(config, SwavJobSpec.class)))
                .isEqualTo(TrainingSettings.of(complete("recipe: imagenet-w5")));
    }

    private static List<String> broken(String fields) {
        return SpecValidator.broken(JSON.convertValue(spec(fields), SwavJobSpec.class));
    }

    /** Without the schema's enum, as an API server with a later CRD lets it through. */
    private static JsonNode spec(String fields) {
        ObjectNode spec = yaml(fields);
        JsonNode recipe = spec.remove("recipe");
        assertThat(SchemaValidator.complete(SCHEMA, "spec", spec)).isEmpty();
        return spec.set("recipe", recipe);
    }

    private static SwavJobSpec complete(String fields) {
        return SpecLoader.complete("test", yaml(fields));
    }

    private static ObjectNode yaml(String fields) {
        return Serialization.unmarshal(
                "---\n{data: {uri: 'file:///data'}, template: {spec: {containers: []}}, " + fields + "}",
                ObjectNode.class);
    }

    /** Returns the paths of what recipes set: every number, text and boolean, and the list of crops as one. */
    private static List<String> leaves(JsonNode resolved) {
        List<String> paths = new ArrayList<>(List.of("/crops"));
        List.of("/model", "/assignment", "/training").forEach(part -> collect(part, resolved.at(part), paths));
        paths.removeAll(List.of(
                "/training/seed",
                "/training/precision",
                "/training/reproducibility",
                "/training/threads",
                "/training/gradients/bucketMegabytes",
                "/training/gradients/precision"));
        return paths;
    }

    private static void collect(String path, JsonNode value, List<String> paths) {
        if (value.isObject()) {
            value.properties().forEach(field -> collect(path + "/" + field.getKey(), field.getValue(), paths));
        } else {
            paths.add(path);
        }
    }

    private static void set(ObjectNode manifest, String path, JsonNode value) {
        int name = path.lastIndexOf('/');
        ObjectNode parent = name == 0 ? manifest : manifest.withObject(path.substring(0, name));
        parent.set(path.substring(name + 1), value);
    }

    private static JsonNode other(String path, JsonNode value) {
        if (path.equals("/crops")) {
            return Serialization.unmarshal("---\n[{count: 3, size: 64, minScale: 0.5, maxScale: 1.0}]", JsonNode.class);
        }
        return switch (value.getNodeType()) {
            case BOOLEAN -> JSON.getNodeFactory().booleanNode(!value.booleanValue());
            case STRING ->
                JSON.getNodeFactory()
                        .textNode(
                                path.endsWith("/mode")
                                        ? value.asText().equals("Queue") ? "QueueFree" : "Queue"
                                        : "tiny");
            default ->
                value.isIntegralNumber()
                        ? value.canConvertToInt() && !path.endsWith("Steps")
                                ? JSON.getNodeFactory().numberNode(value.intValue() * 2)
                                : JSON.getNodeFactory().numberNode(value.longValue() * 2)
                        : JSON.getNodeFactory().numberNode(value.doubleValue() / 2 + 0.0625);
        };
    }
}
