package io.swav.api;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceColumnDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The committed CRD is what the classes say, and so are the chart's copy of it and the reference in docs. After a change
 * of the classes: {@code mvn -pl crds test -Dtest=CrdTest -Dswav.crd=write}, then read the diff.
 */
class CrdTest {
    private static final Path GENERATED = Path.of("target/crd/swavjobs.swav.io-v1.yml");
    private static final Path COMMITTED = Path.of("src/main/resources/META-INF/fabric8/swavjobs.swav.io-v1.yml");
    private static final Path CHART = Path.of("../charts/swav-operator/files/swavjobs.swav.io-v1.yml");
    private static final Path REFERENCE = Path.of("../docs/reference.md");

    @Test
    void theCommittedCrdIsTheOneTheClassesMake() throws Exception {
        String made = "# Made from the classes in io.swav.api; see CrdTest for how.\n"
                + Serialization.asYaml(finished(Files.readString(GENERATED)));
        check(COMMITTED, made);
        check(CHART, made);
        check(REFERENCE, CrdReference.of(schema(Serialization.unmarshal(made, CustomResourceDefinition.class))));
    }

    private static void check(Path committed, String made) throws IOException {
        if ("write".equals(System.getProperty("swav.crd"))) {
            Files.writeString(committed, made);
        }
        assertThat(Files.readString(committed))
                .as("%s: run mvn -pl crds test -Dtest=CrdTest -Dswav.crd=write, and commit what changed", committed)
                .isEqualTo(made);
    }

    @Test
    void everyFieldHasADescription() {
        List<String> silent = new ArrayList<>();
        collectSilent("", schema(SpecLoader.crd()), silent);
        assertThat(silent).isEmpty();
    }

    @Test
    void itFitsIntoClientSideApplysAnnotation() {
        assertThat(Serialization.asJson(SpecLoader.crd()).length()).isLessThan(200_000);
    }

    /** The generator sorts columns by path and cannot describe the root. */
    private static CustomResourceDefinition finished(String generated) {
        CustomResourceDefinition crd = Serialization.unmarshal(generated, CustomResourceDefinition.class);
        CustomResourceDefinitionVersion version = crd.getSpec().getVersions().get(0);
        List<String> order = Arrays.stream(SwavJob.class.getAnnotationsByType(AdditionalPrinterColumn.class))
                .map(AdditionalPrinterColumn::name)
                .toList();
        version.getAdditionalPrinterColumns()
                .sort(Comparator.comparingInt((CustomResourceColumnDefinition c) -> order.indexOf(c.getName())));
        JSONSchemaProps root = schema(crd);
        root.setDescription("SwavJob is one SwAV pretraining run (arXiv 2006.09882) whose trainer pods may come, go and"
                + " die while it trains; the model does not notice. Only spec.data.uri and spec.template are required;"
                + " the other defaults are the paper's.");
        describe(root, "spec", "What is wanted.");
        describe(root, "status", "What the operator saw last.");
        root.setRequired(List.of("spec"));
        return crd;
    }

    private static void describe(JSONSchemaProps schema, String field, String description) {
        requireNonNull(schema.getProperties().get(field)).setDescription(description);
    }

    private static JSONSchemaProps schema(CustomResourceDefinition crd) {
        return crd.getSpec().getVersions().get(0).getSchema().getOpenAPIV3Schema();
    }

    private static void collectSilent(String path, JSONSchemaProps schema, List<String> silent) {
        if (schema.getProperties() != null) {
            schema.getProperties().forEach((name, inner) -> {
                if (inner.getDescription() == null) {
                    silent.add(path + "." + name);
                }
                collectSilent(path + "." + name, inner, silent);
            });
        }
        if (schema.getItems() != null) {
            collectSilent(path + "[]", schema.getItems().getSchema(), silent);
        }
    }
}
