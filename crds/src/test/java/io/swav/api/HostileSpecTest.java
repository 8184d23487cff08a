package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests specs that no user writes by intention: each is refused with its field, and takes no time or memory. */
@Timeout(60)
class HostileSpecTest {
    @TempDir
    Path folder;

    /** Every number of the schema, because a comparison with a bound lets NaN through. */
    @TestFactory
    Stream<DynamicTest> everyNumberMustBeFinite() {
        List<String> numbers = new ArrayList<>();
        collectNumbers("", SchemaValidator.spec(), numbers);
        assertThat(numbers).contains("/training/optimizer/learningRate", "/crops/0/minScale");
        return numbers.stream()
                .flatMap(path -> Stream.of(Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e300)
                        .map(value -> dynamicTest(path + " " + value, () -> {
                            ObjectNode spec = spec();
                            set(spec, path, value);
                            assertThatThrownBy(() -> SpecLoader.complete("job.yaml", spec))
                                    .isInstanceOf(InvalidSpecException.class)
                                    .hasMessageContaining(path.substring(path.lastIndexOf('/') + 1) + " is " + value);
                        })));
    }

    private static void collectNumbers(String path, JSONSchemaProps schema, List<String> numbers) {
        if ("number".equals(schema.getType())) {
            numbers.add(path);
        }
        if (schema.getProperties() != null) {
            schema.getProperties().forEach((name, inner) -> collectNumbers(path + "/" + name, inner, numbers));
        }
        if (schema.getItems() != null) {
            collectNumbers(path + "/0", schema.getItems().getSchema(), numbers);
        }
    }

    private static ObjectNode spec() {
        ObjectNode spec = (ObjectNode) Serialization.unmarshal(
                "---\n{data: {uri: file:///d}, crops: [{count: 2, size: 32, minScale: 0.2, maxScale: 1}]}",
                JsonNode.class);
        assertThat(SchemaValidator.complete(SchemaValidator.spec(), "spec", spec))
                .hasSize(1); // no template
        return spec;
    }

    private static void set(ObjectNode spec, String path, double value) {
        int last = path.lastIndexOf('/');
        ((ObjectNode) spec.at(path.substring(0, last))).put(path.substring(last + 1), value);
    }

    /** The operator reads specs with Jackson, which takes the text for the number. */
    @Test
    void operatorRefusesNumbersInWords() {
        ObjectNode json = spec();
        ((ObjectNode) json.at("/training/optimizer")).put("learningRate", "NaN");
        SwavJobSpec read = new ObjectMapper().convertValue(json, SwavJobSpec.class);

        assertThat(SpecValidator.broken(read))
                .singleElement()
                .asString()
                .startsWith("spec.training.optimizer.learningRate is NaN, must be a finite number");
    }

    @Test
    void numbersOfAFileMustBeFinite() {
        assertInvalid("{data: {uri: file:///d}, training: {optimizer: {learningRate: .nan}}}", "learningRate is NaN");
        assertInvalid("{data: {uri: file:///d}, training: {optimizer: {weightDecay: 1e999}}}", "weightDecay is ");
        assertInvalid("{data: {uri: file:///d}, training: {optimizer: {warmupEpochs: -.inf}}}", "warmupEpochs is ");
    }

    @ParameterizedTest
    @CsvSource({
        "checkpoint,uri,s3://",
        "checkpoint,uri,s3:///prefix",
        "checkpoint,uri,s3:bucket",
        "checkpoint,uri,s3://user@bucket:80/prefix",
        "checkpoint,uri,file:///%zz",
        "checkpoint,uri,file:///a%00b",
        "checkpoint,uri,file:///a?b",
        "checkpoint,uri,file:///a#b",
        "checkpoint,uri,file:relative",
        "checkpoint,uri,gs://bucket",
        "checkpoint,uri,file:///with space",
        "data,uri,file:///%zz",
        "data,uri,file:///a%00b",
        "data,uri,s3:///data",
        "data,uri,gs://bucket/data",
        "data,uri,s3://bucket/s-{0..9.tar",
        "data,uri,/data/*[.tar",
        "data,evalUri,file:///%zz",
        "data,evalUri,http://machine/data",
    })
    void malformedPlacesAreRefusedWithTheirField(String part, String field, String uri) {
        ObjectNode spec = spec();
        ((ObjectNode) spec.get(part)).put(field, uri);
        assertThatThrownBy(() -> SpecLoader.complete("job.yaml", spec))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageStartingWith("job.yaml: spec." + part + "." + field + ": ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"minio:9000", "http://", "http://a b", "ftp://minio", "http://%zz"})
    void malformedEndpointsAreRefusedWithTheirField(String endpoint) {
        ObjectNode spec = spec();
        ((ObjectNode) spec.get("checkpoint"))
                .put("uri", "s3://bucket/prefix")
                .putObject("s3")
                .put("endpoint", endpoint);
        assertThatThrownBy(() -> SpecLoader.complete("job.yaml", spec))
                .hasMessageContaining("spec.checkpoint.s3.endpoint: \"" + endpoint + "\" is no URL");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"s3://bucket", "s3://my.bucket-1/a/b%20c", "file:///a%20b", "file:/a", "/a b", "relative", "a%zz"
            })
    void wellFormedPlacesAreAccepted(String uri) {
        ObjectNode spec = spec();
        ((ObjectNode) spec.get("checkpoint")).put("uri", uri);
        assertThat(SpecLoader.complete("job.yaml", spec).checkpoint().uri()).isEqualTo(uri);
    }

    @Test
    void aValueThatContainsItselfIsRefusedWithItsField() {
        assertInvalid("data: {uri: file:///d}\ncrops: &a [*a]\n", "crops[0] has the alias *a");
        assertInvalid("spec: &a {data: {uri: *a}}\n", "spec.data.uri has the alias *a");
        assertInvalid("a: *nothing\n", "a has the alias *nothing");
    }

    /** Each line is nine of the line before. */
    @Test
    void aliasesOfAliasesAreCountedAsWhatTheyStandFor() {
        StringBuilder laughs = new StringBuilder("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for (int i = 1; i < 10; i++) {
            String before = "*a" + (i - 1);
            laughs.append("a%d: &a%d [%s]\n"
                    .formatted(
                            i,
                            i,
                            String.join(
                                    ", ",
                                    List.of(before, before, before, before, before, before, before, before, before))));
        }
        assertInvalid(laughs.toString(), "makes the document larger than any job");
        String text = "x".repeat(100_000);
        assertInvalid(
                "a: &a " + text + "\nreplicas: [" + "*a, ".repeat(1000) + "1]\n", "replicas[", "larger than any job");
    }

    @Test
    void deepDocumentsAreRefusedWithTheirField() {
        for (String open : new String[] {"[", "{a: "}) {
            assertInvalid("template: " + open.repeat(200_000), "template", "is nested deeper than 64 levels");
        }
        StringBuilder block = new StringBuilder("template:\n");
        for (int depth = 1; depth < 300; depth++) {
            block.append(" ".repeat(depth)).append("a:\n");
        }
        assertInvalid(block.toString(), "template.a", "is nested deeper than 64 levels");
    }

    @Test
    void largeFilesAndDevicesAreNotReadIntoMemory() {
        assertInvalid("a: " + "x".repeat(2 << 20), "is larger than 1048576 bytes");
        assertThatThrownBy(() -> SpecLoader.load(Path.of("/dev/zero")))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageContaining("/dev/zero: is larger than");
    }

    @Test
    void messagesDoNotRepeatLongValues() {
        assertThatThrownBy(() -> load("{data: {uri: file:///d}, replicas: " + "x".repeat(100_000) + "}"))
                .hasMessageContaining("spec.replicas is \"xxx")
                .satisfies(e -> assertThat(String.valueOf(e.getMessage())).hasSizeLessThan(500));
    }

    @Test
    void anchorsAndAliasesOfOrdinarySizeAreRead() throws IOException {
        SwavJobSpec spec = load("""
                model: &small {prototypes: 30}
                data: {uri: &data file:///d, evalUri: *data}
                template: {metadata: {annotations: *small}}
                """);
        assertThat(spec.data().evalUri()).isEqualTo("file:///d");
        assertThat(spec.template()).hasToString("{\"metadata\":{\"annotations\":{\"prototypes\":30}}}");
    }

    private void assertInvalid(String text, String... expected) {
        assertThatThrownBy(() -> load(text))
                .isInstanceOf(InvalidSpecException.class)
                .satisfies(e -> assertThat(String.valueOf(e.getMessage()))
                        .contains(expected)
                        .hasSizeLessThan(1000));
    }

    private SwavJobSpec load(String text) throws IOException {
        return SpecLoader.load(Files.writeString(folder.resolve("job.yaml"), text));
    }
}
