package io.swav.api;

import static io.swav.api.SpecValidator.BATCH_NORM;
import static io.swav.api.SpecValidator.CACHE_PATH;
import static io.swav.api.SpecValidator.CACHE_SIZE;
import static io.swav.api.SpecValidator.CHECKPOINT_URI;
import static io.swav.api.SpecValidator.DATA_EVAL_URI;
import static io.swav.api.SpecValidator.DATA_URI;
import static io.swav.api.SpecValidator.EPOCHS_GROW;
import static io.swav.api.SpecValidator.FIXED_ASSIGNMENT;
import static io.swav.api.SpecValidator.FIXED_CHECKPOINT;
import static io.swav.api.SpecValidator.FIXED_CROPS;
import static io.swav.api.SpecValidator.FIXED_DATA;
import static io.swav.api.SpecValidator.FIXED_MODEL;
import static io.swav.api.SpecValidator.FIXED_THREADS;
import static io.swav.api.SpecValidator.FIXED_TRAINING;
import static io.swav.api.SpecValidator.GROUPS;
import static io.swav.api.SpecValidator.GROUP_SIZE;
import static io.swav.api.SpecValidator.GROW_PLACE;
import static io.swav.api.SpecValidator.GROW_STORE;
import static io.swav.api.SpecValidator.MAX_REPLICAS;
import static io.swav.api.SpecValidator.MIN_REPLICAS;
import static io.swav.api.SpecValidator.QUEUE_EPOCH;
import static io.swav.api.SpecValidator.QUEUE_LENGTH;
import static io.swav.api.SpecValidator.QUEUE_MODE;
import static io.swav.api.SpecValidator.ROUNDED;
import static io.swav.api.SpecValidator.SCALES;
import static io.swav.api.SpecValidator.TWO_CROPS;
import static io.swav.api.SpecValidator.WARM_UP;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Judges one table of specs with the CRD's CEL rules and with their repetition in Java, which must agree. */
class SpecValidatorTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JSONSchemaProps SCHEMA = SchemaValidator.spec();
    private static final Path CASES = Path.of("../tools/crd-check/cases.json");
    private static final String BASE = "data: {uri: file:///data}, template: {spec: {containers: []}}";

    private static Arguments grows(String uri, boolean canGrow) {
        return arguments(
                "data: {uri: '" + uri + "', grow: true, growCheckSeconds: 5}, checkpoint: {uri: 's3://b/c'}",
                canGrow ? List.of() : List.of(GROW_PLACE));
    }

    static Stream<Arguments> specs() {
        return Stream.of(
                arguments("", List.of()),
                arguments("replicas: 64", List.of()),
                arguments("replicas: 65", List.of(GROUPS)),
                arguments("replicas: 8, elastic: {minReplicas: 2, maxReplicas: 16}", List.of()),
                arguments("replicas: 2, elastic: {minReplicas: 2, maxReplicas: 2}", List.of()),
                arguments("replicas: 1, elastic: {minReplicas: 2}", List.of(MIN_REPLICAS)),
                arguments("replicas: 5, elastic: {maxReplicas: 4}", List.of(MAX_REPLICAS)),
                arguments("elastic: {minReplicas: 4, maxReplicas: 2}", List.of(MIN_REPLICAS)),
                arguments("elastic: {maxReplicas: 65}", List.of(GROUPS)),
                arguments("elastic: {maxReplicas: 64}", List.of()),
                arguments("training: {globalBatch: 256, groupSize: 64}, replicas: 5", List.of(GROUPS)),
                arguments("assignment: {queue: {length: 4096}}", List.of(QUEUE_MODE)),
                arguments("assignment: {queue: {}}", List.of(QUEUE_MODE)),
                arguments("assignment: {mode: Queue}", List.of(QUEUE_LENGTH)),
                arguments("assignment: {mode: Queue}, training: {globalBatch: 256}", List.of()),
                arguments("assignment: {mode: Queue, queue: {}}, training: {globalBatch: 256}", List.of()),
                arguments(
                        "assignment: {mode: Queue, queue: {length: 255}}, training: {globalBatch: 256}",
                        List.of(QUEUE_LENGTH)),
                arguments(
                        "assignment: {mode: Queue, queue: {length: 256, fromEpoch: 0}}, training: {globalBatch: 256}",
                        List.of()),
                arguments("assignment: {mode: Queue}, training: {globalBatch: 256, epochs: 15}", List.of(QUEUE_EPOCH)),
                arguments("assignment: {mode: Queue}, training: {globalBatch: 256, epochs: 16}", List.of()),
                arguments(
                        "assignment: {mode: Queue, queue: {fromEpoch: 100}}, training: {globalBatch: 256}",
                        List.of(QUEUE_EPOCH)),
                arguments("training: {globalBatch: 100}", List.of(GROUP_SIZE)),
                arguments("training: {globalBatch: 32}", List.of(GROUPS, GROUP_SIZE)),
                arguments("training: {batchNorm: {groupSize: 64}}", List.of()),
                arguments("training: {batchNorm: {groupSize: 128}}", List.of()),
                arguments("training: {reproducibility: Fast, batchNorm: {groupSize: 128}}", List.of()),
                arguments("training: {reproducibility: Fast, batchNorm: {groupSize: 4096}}", List.of()),
                arguments("training: {reproducibility: Fast, batchNorm: {groupSize: 96}}", List.of(BATCH_NORM)),
                arguments("training: {reproducibility: Fast, batchNorm: {groupSize: 8192}}", List.of(BATCH_NORM)),
                arguments("training: {reproducibility: Fast, batchNorm: {groupSize: 192}}", List.of(BATCH_NORM)),
                arguments("training: {batchNorm: {groupSize: 32}}", List.of(BATCH_NORM)),
                arguments("training: {gradients: {precision: bf16}}", List.of(ROUNDED)),
                arguments("training: {reproducibility: Fast, gradients: {precision: bf16}}", List.of()),
                arguments("training: {epochs: 5}", List.of(WARM_UP)),
                arguments("training: {epochs: 10}", List.of()),
                arguments("training: {epochs: 1, optimizer: {warmupEpochs: 0.5}}", List.of()),
                arguments("data: {uri: 'file://data/train'}", List.of(DATA_URI)),
                arguments("data: {uri: /data/train, evalUri: 'file://data/test'}", List.of(DATA_EVAL_URI)),
                arguments("data: {uri: 'file:///data/train', evalUri: 'file:///data/test'}", List.of()),
                arguments("data: {uri: 's3://b/p', grow: true}", List.of(GROW_STORE)),
                arguments("data: {uri: 's3://b/p', grow: false}", List.of()),
                grows("s3://b/p", true),
                grows("file:///data/*.tar", true),
                grows("file:///data/s-00000?.tar.zst", true),
                grows("/data/{a,b}/*-train-*.tar", true),
                grows("/data/one.tar", false),
                grows("one.tgz", false),
                grows("s3://b/s-{000..099}.tar", false),
                grows("https://host/s-{000..099}.tar", false),
                arguments("data: {uri: 's3://b/p', s3: {endpoint: 'http://m:9000', profile: data}}", List.of()),
                arguments("data: {uri: 's3://b/p', cache: {path: /cache, size: 200Gi}}", List.of()),
                arguments("data: {uri: 's3://b/p', cache: {path: /var/lib/x/, size: 512Mi}}", List.of()),
                arguments("data: {uri: 's3://b/p', cache: {path: cache, size: 20Gi}}", List.of(CACHE_PATH)),
                arguments("data: {uri: 's3://b/p', cache: {path: /, size: 20Gi}}", List.of(CACHE_PATH)),
                arguments("data: {uri: 's3://b/p', cache: {path: '/a:b', size: 20Gi}}", List.of(CACHE_PATH)),
                arguments("data: {uri: 's3://b/p', cache: {path: /c, size: 20GB}}", List.of(CACHE_SIZE)),
                arguments("data: {uri: 's3://b/p', cache: {path: /c, size: '20'}}", List.of(CACHE_SIZE)),
                arguments("data: {uri: 's3://b/p', cache: {path: c, size: 0Gi}}", List.of(CACHE_PATH, CACHE_SIZE)),
                arguments("checkpoint: {uri: 'file://data/checkpoints'}", List.of(CHECKPOINT_URI)),
                arguments("checkpoint: {uri: 'file:///data/checkpoints'}", List.of()),
                arguments("checkpoint: {uri: 's3://bucket/prefix'}", List.of()),
                arguments("crops: [{count: 2, size: 32, minScale: 0.2, maxScale: 1}]", List.of()),
                arguments("crops: [{count: 1, size: 32, minScale: 0.2, maxScale: 1}]", List.of(TWO_CROPS)),
                arguments(
                        "crops: [{count: 1, size: 32, minScale: 0.2, maxScale: 1}, {count: 1, size: 16, minScale: 0.1,"
                                + " maxScale: 0.2}]",
                        List.of()),
                arguments("crops: [{count: 2, size: 32, minScale: 0.5, maxScale: 0.5}]", List.of(SCALES)),
                arguments("crops: [{count: 2, size: 32, minScale: 0.9, maxScale: 0.5}]", List.of(SCALES)));
    }

    @ParameterizedTest
    @MethodSource("specs")
    void celAndJavaAgree(String fields, List<String> expected) {
        JsonNode spec = spec(fields);

        assertThat(CelRules.broken(SCHEMA, spec, null)).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(SpecValidator.broken(read(spec))).containsExactlyInAnyOrderElementsOf(expected);
    }

    static Stream<Arguments> changes() {
        return Stream.of(
                arguments("replicas: 3, suspend: true", List.of()),
                arguments(
                        "elastic: {spares: 1}, recovery: {maxFailures: 1, hungAfterSeconds: 5}, ttlSecondsAfterFinished: 1",
                        List.of()),
                arguments("recovery: {avoidNodeAfterFailures: 0}", List.of()),
                arguments("activeDeadlineSeconds: 60", List.of()),
                arguments("scheduling: {zone: Any, gang: Volcano}", List.of()),
                arguments("recovery: {avoidNodeAfterFailures: 5, avoidNodeSeconds: 60}", List.of()),
                arguments("template: {metadata: {labels: {a: b}}}", List.of()),
                arguments("model: {prototypes: 30}", List.of(FIXED_MODEL)),
                arguments("data: {uri: file:///other}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, evalUri: file:///e}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, augmentOn: Host}", List.of()),
                arguments("data: {uri: file:///data, augmentOn: Device}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, maxPixels: 67108864}", List.of()),
                arguments("data: {uri: file:///data, maxPixels: 1000}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, imageExtension: jpg}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, labelExtension: json}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, grow: false}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, growCheckSeconds: 7}", List.of()),
                arguments("data: {uri: file:///data, exifOrientation: Ignore}", List.of()),
                arguments("data: {uri: file:///data, exifOrientation: Apply}", List.of(FIXED_DATA)),
                arguments("data: {uri: file:///data, workers: 4, maxBadSamples: 0}", List.of()),
                arguments("data: {uri: file:///data, cache: {path: /cache, size: 1Ti}}", List.of()),
                arguments("data: {uri: file:///data, s3: {region: eu-west-1}}", List.of(FIXED_DATA)),
                arguments("crops: [{count: 2, size: 32, minScale: 0.2, maxScale: 1}]", List.of(FIXED_CROPS)),
                arguments("assignment: {epsilon: 0.03}", List.of(FIXED_ASSIGNMENT)),
                arguments("assignment: {mode: Queue, queue: {length: 4096}}", List.of(FIXED_ASSIGNMENT)),
                arguments("training: {seed: 1}", List.of(FIXED_TRAINING)),
                arguments("training: {globalBatch: 2048, groupSize: 32}", List.of(FIXED_TRAINING)),
                arguments("training: {batchNorm: {groupSize: 64}}", List.of(FIXED_TRAINING)),
                arguments("training: {maxSteps: 9}", List.of(FIXED_TRAINING)),
                arguments("training: {reproducibility: Fast}", List.of(FIXED_TRAINING)),
                arguments("training: {optimizer: {momentum: 0.8}}", List.of(FIXED_TRAINING)),
                arguments("training: {epochs: 101}", List.of()),
                arguments("training: {epochs: 99}", List.of(EPOCHS_GROW)),
                arguments("training: {threads: 2}", List.of(FIXED_THREADS)),
                arguments(
                        "training: {seed: 1, epochs: 10, threads: 2}",
                        List.of(FIXED_TRAINING, EPOCHS_GROW, FIXED_THREADS)),
                arguments("checkpoint: {everySteps: 5, everySeconds: 60, keep: 1}", List.of()),
                arguments("checkpoint: {uri: 's3://other/place'}", List.of(FIXED_CHECKPOINT)),
                arguments("checkpoint: {s3: {region: eu-west-1}}", List.of(FIXED_CHECKPOINT)),
                arguments("model: {stem: small}, training: {epochs: 11}", List.of(FIXED_MODEL, EPOCHS_GROW)));
    }

    @ParameterizedTest
    @MethodSource("changes")
    void celAndJavaAgreeOnChanges(String fields, List<String> expected) {
        JsonNode before = written("");
        JsonNode now = written(fields);

        assertThat(CelRules.broken(SCHEMA, now, before)).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(SpecValidator.changed(read(before), read(now))).containsExactlyInAnyOrderElementsOf(expected);
    }

    private static final String FAST = "training: {reproducibility: Fast, threads: 2, maxSteps: 9},"
            + " checkpoint: {uri: 's3://bucket/prefix', s3: {region: eu-west-1}, everySeconds: 60},"
            + " data: {uri: file:///data, evalUri: file:///e}";

    static Stream<Arguments> changesOfAFastJob() {
        return Stream.of(
                arguments(FAST, List.of()),
                arguments(FAST.replace("threads: 2", "threads: 4"), List.of()),
                arguments(FAST.replace("threads: 2", "threads: 2, seed: 4"), List.of(FIXED_TRAINING)),
                arguments(
                        FAST.replace("Fast, threads: 2", "Bitwise, threads: 4"),
                        List.of(FIXED_TRAINING, FIXED_THREADS)),
                arguments(FAST.replace(", maxSteps: 9", ""), List.of(FIXED_TRAINING)),
                arguments(FAST.replace("maxSteps: 9", "maxSteps: 10"), List.of(FIXED_TRAINING)),
                arguments(FAST.replace(", everySeconds: 60", ", keep: 9"), List.of()),
                arguments(FAST.replace("eu-west-1", "eu-west-2"), List.of(FIXED_CHECKPOINT)),
                arguments(FAST.replace(", s3: {region: eu-west-1}", ""), List.of(FIXED_CHECKPOINT)),
                arguments(FAST.replace("uri: 's3://bucket/prefix', ", ""), List.of(FIXED_CHECKPOINT)),
                arguments(FAST.replace("s3://bucket/prefix", "s3://bucket/other"), List.of(FIXED_CHECKPOINT)),
                arguments(FAST.replace(", evalUri: file:///e", ""), List.of(FIXED_DATA)),
                arguments(FAST.replace("file:///e", "file:///f"), List.of(FIXED_DATA)));
    }

    @ParameterizedTest
    @MethodSource("changesOfAFastJob")
    void celAndJavaAgreeOnChangesOfAFastJob(String fields, List<String> expected) {
        JsonNode before = written(FAST);
        JsonNode now = written(fields);

        assertThat(CelRules.broken(SCHEMA, now, before)).containsExactlyInAnyOrderElementsOf(expected);
        assertThat(SpecValidator.changed(read(before), read(now))).containsExactlyInAnyOrderElementsOf(expected);
    }

    /** The rules name single fields, and a new field must be named by one of them. */
    @Test
    void everyFieldIsImmutableUnlessItIsListedHere() {
        Set<String> mutable = Set.of(
                "data.workers",
                "data.maxBadSamples",
                "data.cache",
                "data.growCheckSeconds",
                "training.epochs",
                "training.threads",
                "checkpoint.everySteps",
                "checkpoint.everySeconds",
                "checkpoint.keep");
        JsonNode before = written("training: {reproducibility: Fast}");
        for (String part : List.of("data", "training", "checkpoint")) {
            requireNonNull(SCHEMA.getProperties().get(part)).getProperties().forEach((field, schema) -> {
                ObjectNode now = before.deepCopy();
                ((ObjectNode) now.get(part)).set(field, another(schema, now.at("/" + part + "/" + field)));
                String path = part + "." + field;
                List<String> cel = CelRules.broken(SCHEMA, now, before);
                assertThat(cel.isEmpty()).as("%s: %s", path, cel).isEqualTo(mutable.contains(path));
                assertThat(SpecValidator.changed(read(before), read(now)))
                        .as(path)
                        .hasSameSizeAs(mutable.contains(path) ? List.of() : List.of(1));
            });
        }
    }

    /** Returns a value that differs, and that keeps the rules about the spec by itself. */
    private static JsonNode another(JSONSchemaProps schema, JsonNode value) {
        if (schema.getProperties() != null && schema.getProperties().containsKey("size")) {
            return JSON.createObjectNode().put("path", "/cache").put("size", "20Gi");
        }
        if (schema.getEnum() != null && !schema.getEnum().isEmpty()) {
            return schema.getEnum().stream()
                    .filter(other -> !other.equals(value))
                    .findFirst()
                    .orElseThrow();
        }
        return switch (schema.getType()) {
            case "integer" -> JSON.getNodeFactory().numberNode(2 * Math.max(1, value.asLong(64)));
            case "boolean" -> JSON.getNodeFactory().booleanNode(!value.asBoolean());
            case "string" -> JSON.getNodeFactory().textNode("file:///another");
            default -> {
                ObjectNode object = value.isObject() ? ((ObjectNode) value).deepCopy() : JSON.createObjectNode();
                Map.Entry<String, JSONSchemaProps> first = schema.getProperties().entrySet().stream()
                        .filter(field -> !field.getKey().equals("precision"))
                        .findFirst()
                        .orElseThrow();
                yield object.set(
                        first.getKey(),
                        first.getValue().getType().equals("number")
                                ? JSON.getNodeFactory().numberNode(0.25)
                                : first.getKey().equals("groupSize")
                                        ? JSON.getNodeFactory().numberNode(128)
                                        : another(first.getValue(), object.path(first.getKey())));
            }
        };
    }

    @Test
    void aFieldMissingFromAnOlderSpecMeansItsDefault() {
        JsonNode before = written("");
        ((ObjectNode) before.get("data")).remove(List.of("augmentOn", "maxPixels", "exifOrientation"));
        ((ObjectNode) before.at("/training/gradients")).remove("precision");
        ((ObjectNode) before.get("recovery")).remove(List.of("avoidNodeAfterFailures", "avoidNodeSeconds"));

        assertThat(read(before).recovery()).isEqualTo(read(spec("")).recovery());
        assertThat(SpecValidator.changed(read(before), read(spec("")))).isEmpty();
    }

    static Stream<Arguments> wrongFields() {
        return Stream.of(
                arguments("crops: []", "spec.crops needs at least 1"),
                arguments("replicas: 0", "spec.replicas is 0, must be at least 1"),
                arguments("replicas: two", "spec.replicas is \"two\", must be a whole number"),
                arguments("replica: 2", "spec.replica is not a field; the fields are "),
                arguments("model: {architecture: vgg}", "spec.model.architecture is \"vgg\", must be one of"),
                arguments("assignment: {epsilon: 0}", "spec.assignment.epsilon is 0, must be above 0"),
                arguments("training: {optimizer: {momentum: 1}}", "spec.training.optimizer.momentum is 1, must be b"),
                arguments("data: {}", "spec.data.uri is missing"),
                arguments("data: {uri: ''}", "spec.data.uri is empty"),
                arguments("data: {uri: u, augmentOn: GPU}", "spec.data.augmentOn is \"GPU\", must be one of"),
                arguments(
                        "data: {uri: u, exifOrientation: apply}",
                        "spec.data.exifOrientation is \"apply\", must be one of"),
                arguments(
                        "recovery: {avoidNodeAfterFailures: -1}",
                        "spec.recovery.avoidNodeAfterFailures is -1, must be at least 0"),
                arguments("recovery: {avoidNodeSeconds: 0}", "spec.recovery.avoidNodeSeconds is 0, must be at least 1"),
                arguments("suspend: 1", "spec.suspend is 1, must be true or false"),
                arguments(
                        "replicas: 65, training: {epochs: 5}",
                        "a group is never split, so more trainers would be idle; "));
    }

    @ParameterizedTest
    @MethodSource("wrongFields")
    void messagesNameTheField(String fields, String expected) {
        JsonNode spec = merge(fields);
        assertThatThrownBy(() -> SpecLoader.complete("job.yaml", spec))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageStartingWith("job.yaml: spec.")
                .hasMessageContaining(expected);
    }

    /** {@code tools/crd-check} judges the same tables with the code of an API server. */
    @Test
    void theCasesOfCrdCheckAreThese() throws IOException {
        ArrayNode cases = JSON.createArrayNode();
        specs().forEach(given -> addCase(cases, given));
        changes().forEach(given -> addChange(cases, given, ""));
        changesOfAFastJob().forEach(given -> addChange(cases, given, FAST));
        wrongFields()
                .map(given -> String.valueOf(given.get()[0]))
                .filter(fields ->
                        !SchemaValidator.complete(SCHEMA, "spec", merge(fields)).isEmpty())
                .forEach(fields -> cases.addObject()
                        .put("name", fields)
                        .put("invalid", true)
                        .set("spec", merge(fields)));
        String text = JSON.writerWithDefaultPrettyPrinter().writeValueAsString(cases) + "\n";
        if ("write".equals(System.getProperty("swav.golden"))) {
            Files.writeString(CASES, text);
        }
        assertThat(Files.readString(CASES))
                .as("%s; -Dswav.golden=write rewrites it", CASES)
                .isEqualTo(text);
    }

    private static void addChange(ArrayNode to, Arguments given, String before) {
        addCase(to, given)
                .<ObjectNode>set("spec", written(String.valueOf(given.get()[0])))
                .set("before", written(before));
    }

    private static ObjectNode addCase(ArrayNode to, Arguments given) {
        String fields = String.valueOf(given.get()[0]);
        ObjectNode added = to.addObject().put("name", fields);
        added.set("spec", merge(fields));
        added.set("broken", JSON.valueToTree(given.get()[1]));
        return added;
    }

    /** Returns a spec with all values written out: a rule about a change compares what both specs have. */
    private static JsonNode written(String fields) {
        return JSON.valueToTree(read(spec(fields)));
    }

    private static JsonNode spec(String fields) {
        JsonNode spec = merge(fields);
        assertThat(SchemaValidator.complete(SCHEMA, "spec", spec)).isEmpty();
        return spec;
    }

    private static JsonNode merge(String fields) {
        ObjectNode spec = (ObjectNode) yaml("{" + BASE + "}");
        yaml("{" + fields + "}").properties().forEach(field -> spec.set(field.getKey(), field.getValue()));
        return spec;
    }

    private static JsonNode yaml(String text) {
        return Serialization.unmarshal("---\n" + text, JsonNode.class);
    }

    private static SwavJobSpec read(JsonNode spec) {
        return JSON.convertValue(spec, SwavJobSpec.class);
    }
}
