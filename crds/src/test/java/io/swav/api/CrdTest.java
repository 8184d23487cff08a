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
 * Checks that the committed CRD is the one the classes generate, and that the chart's copy of it and the reference in
 * docs match. After a change of the classes: {@code mvn -pl crds test -Dtest=CrdTest -Dswav.crd=write}, then read the
 * diff.
 */
class CrdTest {
    private static final Path GENERATED = Path.of("target/crd/swavjobs.swav.io-v1.yml");
    private static final Path COMMITTED = Path.of("src/main/resources/META-INF/fabric8/swavjobs.swav.io-v1.yml");
    private static final Path CHART = Path.of("../charts/swav-operator/files/swavjobs.swav.io-v1.yml");
    private static final Path REFERENCE = Path.of("../docs/reference.md");

    @Test
    void theCommittedCrdMatchesTheClasses() throws Exception {
        String generated = "# Generated from the classes in io.swav.api; CrdTest explains how.\n"
                + Serialization.asYaml(finished(Files.readString(GENERATED)));
        check(COMMITTED, generated);
        check(CHART, generated);
        check(REFERENCE, CrdReference.of(schema(Serialization.unmarshal(generated, CustomResourceDefinition.class))));
    }

    private static void check(Path committed, String generated) throws IOException {
        if ("write".equals(System.getProperty("swav.crd"))) {
            Files.writeString(committed, generated);
        }
        assertThat(Files.readString(committed))
                .as("%s: run mvn -pl crds test -Dtest=CrdTest -Dswav.crd=write, and commit what changed", committed)
                .isEqualTo(generated);
    }

    @Test
    void everyFieldHasADescription() {
        List<String> undescribed = new ArrayList<>();
        collectUndescribed("", schema(SpecLoader.crd()), undescribed);
        assertThat(undescribed).isEmpty();
    }

    @Test
    void fitsIntoTheAnnotationOfClientSideApply() {
        assertThat(Serialization.asJson(SpecLoader.crd()).length()).isLessThan(200_000);
    }

    /** Completes the generated CRD: the generator sorts columns by path and cannot describe the root. */
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
                + " die while it trains, without effect on the model. Only spec.data.uri and spec.template are"
                + " required; the other defaults are the paper's.");
        describe(root, "spec", "The desired job.");
        describe(root, "status", "The state of the job as the operator last saw it.");
        root.setRequired(List.of("spec"));
        return crd;
    }

    private static void describe(JSONSchemaProps schema, String field, String description) {
        requireNonNull(schema.getProperties().get(field)).setDescription(description);
    }

    private static JSONSchemaProps schema(CustomResourceDefinition crd) {
        return crd.getSpec().getVersions().get(0).getSchema().getOpenAPIV3Schema();
    }

    private static void collectUndescribed(String path, JSONSchemaProps schema, List<String> undescribed) {
        if (schema.getProperties() != null) {
            schema.getProperties().forEach((name, inner) -> {
                if (inner.getDescription() == null) {
                    undescribed.add(path + "." + name);
                }
                collectUndescribed(path + "." + name, inner, undescribed);
            });
        }
        if (schema.getItems() != null) {
            collectUndescribed(path + "[]", schema.getItems().getSchema(), undescribed);
        }
    }
}
