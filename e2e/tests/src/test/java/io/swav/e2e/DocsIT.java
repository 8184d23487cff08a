package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecValidator;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.charts.Chart;
import io.swav.charts.ProjectFiles;
import io.swav.charts.ShellBlock;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Runs the docs' commands that name this test in a shell against a real API server, and validates every example's job. */
@ExtendWith(TestCluster.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DocsIT {
    private static final String NAMESPACE = "docs-it";

    @TempDir
    Path dir;

    private final KubernetesClient client;
    private final LocalControlPlane cluster;

    DocsIT(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    @BeforeAll
    void makeNamespace() {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(NAMESPACE)
                        .endMetadata()
                        .build())
                .create();
    }

    @AfterAll
    void deleteNamespace() {
        client.namespaces().withName(NAMESPACE).delete();
    }

    @TestFactory
    List<DynamicTest> commands() throws IOException {
        assumeTrue(shell().has("kubectl"), "kubectl is not installed");
        List<DynamicTest> tests = new ArrayList<>();
        for (String page : List.of("quickstart", "runbook", "security", "upgrade")) {
            for (ShellBlock block : ShellBlock.of(ProjectFiles.read("docs/" + page + ".md"))) {
                if (block.mark().equals("run: DocsIT")) {
                    tests.add(DynamicTest.dynamicTest(page + ".md, line " + block.line(), () -> run(page, block)));
                }
            }
        }
        assertThat(tests).hasSizeGreaterThanOrEqualTo(4);
        return tests;
    }

    /** Applies the job first, because a block may refer to a job that another block applies or deletes. */
    private void run(String page, ShellBlock block) throws IOException {
        Shell shell = shell();
        shell.run("kubectl apply -f examples/restricted.yaml");
        for (String command : block.commands()) {
            Shell.Done done = shell.run(command);
            assertThat(done.code())
                    .as("%s.md: %s%n%s", page, command, done.output())
                    .isZero();
        }
    }

    private Shell shell() {
        return new Shell(dir.resolve("home"), cluster.kubeconfig(), NAMESPACE);
    }

    /** The server's schema checks each field; the autoscaler itself does not run here (ArgoIT reads the subresource). */
    @Test
    void theApiServerAcceptsTheAutoscalerOfTheExample() throws IOException {
        int minor = TestCluster.minorVersion(client);
        JsonNode example = Chart.yaml(ProjectFiles.read("examples/autoscaling/hpa.yaml"));
        ((ObjectNode) example).put("apiVersion", minor < 23 ? "autoscaling/v2beta2" : "autoscaling/v2");
        ((ObjectNode) example.get("metadata")).put("namespace", NAMESPACE);
        Installed.apply(client, example, false);
        JsonNode target = example.at("/spec/scaleTargetRef");
        assertThat(target.get("apiVersion").asText()).isEqualTo("swav.io/v1alpha1");
        assertThat(target.get("kind").asText()).isEqualTo("SwavJob");
    }

    @Test
    void theJobsOfAllExamplesAreValid() throws IOException {
        List<SwavJob> jobs = new ArrayList<>();
        try (Stream<Path> files = Files.walk(ProjectFiles.PROJECT.resolve("examples"))) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".yaml")).sorted().toList()) {
                for (JsonNode object : Chart.objects(Files.readString(file))) {
                    assertThat(object.path("kind").asText()).as("%s", file).isNotEmpty();
                    if (object.path("kind").asText().equals("SwavJob")) {
                        jobs.add(Serialization.unmarshal(object.toString(), SwavJob.class));
                    }
                }
            }
        }
        assertThat(jobs).hasSizeGreaterThanOrEqualTo(4);
        for (SwavJob job : jobs) {
            job.getMetadata().setNamespace(NAMESPACE);
            SwavJob made = client.resource(job).dryRun().create(); // with the schema's defaults
            SwavJobSpec spec = made.getSpec();
            assertThat(SpecValidator.broken(spec))
                    .as(job.getMetadata().getName())
                    .isEmpty();
        }
    }
}
