package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecRules;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobSpecs;
import io.swav.charts.Chart;
import io.swav.charts.Golden;
import io.swav.charts.ShellBlock;
import io.swav.local.LocalCluster;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
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

/** Commands of the docs that name this test, run by a shell against a real API server; and every example's job. */
@ExtendWith(TestCluster.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DocsIT {
    private static final String NAMESPACE = "docs-it";

    @TempDir
    Path dir;

    private final KubernetesClient client;
    private final LocalCluster cluster;

    DocsIT(KubernetesClient client, LocalCluster cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    @BeforeAll
    void makeNamespace() {
        client.resource(SwavJobSpecs.crd()).createOr(NonDeletingOperation::update);
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
        assumeTrue(run("kubectl version --client").code() == 0, "there is no kubectl here");
        List<DynamicTest> tests = new ArrayList<>();
        for (String page : List.of("quickstart", "runbook", "security", "upgrade")) {
            for (ShellBlock block : ShellBlock.of(Golden.read("docs/" + page + ".md"))) {
                if (block.mark().equals("run: DocsIT")) {
                    tests.add(DynamicTest.dynamicTest(page + ".md, line " + block.line(), () -> run(page, block)));
                }
            }
        }
        assertThat(tests).hasSizeGreaterThanOrEqualTo(4);
        return tests;
    }

    /** Blocks may ask about the job that another one applies or deletes. */
    private void run(String page, ShellBlock block) throws IOException {
        run("kubectl apply --validate=false -f examples/restricted.yaml");
        for (String command : block.commands()) {
            Done done = run(command);
            assertThat(done.code())
                    .as("%s.md: %s%n%s", page, command, done.output())
                    .isZero();
        }
    }

    @Test
    void theJobsOfAllExamplesKeepTheRules() throws IOException {
        List<SwavJob> jobs = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Golden.PROJECT.resolve("examples"))) {
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
            assertThat(SpecRules.broken(spec)).as(job.getMetadata().getName()).isEmpty();
        }
    }

    private record Done(int code, String output) {}

    private Done run(String command) {
        try {
            Path home = Files.createDirectories(dir.resolve("home"));
            Path config = home.resolve("kubeconfig");
            Files.writeString(
                    config,
                    Files.readString(cluster.kubeconfig()).replaceAll("namespace: .*", "namespace: " + NAMESPACE));
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", command)
                    .directory(Golden.PROJECT.toFile())
                    .redirectErrorStream(true);
            builder.environment().put("KUBECONFIG", config.toString());
            builder.environment().put("HOME", home.toString());
            Process process = builder.start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Done(process.waitFor(), output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
