package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec.Optimizer;
import io.swav.api.SwavJobSpec.Training;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Checks that the jobs of README, docs and examples have learning rates that fit their batch. The defaults are the paper's
 * for 4096 images per step; they are not scaled, and they ruin a job with a smaller batch. Paper, appendix A: learning rate
 * 4.8, warm-up 10 epochs and prototypes frozen for an epoch at batch 4096; 0.6, no warm-up and an epoch at 256.
 */
class JobRatesTest {
    private static final Pattern YAML = Pattern.compile("(?s)\n```yaml\n(.*?)\n```");
    private static final int PAPERS_BATCH = 4096;
    private static final double SMALL_RATIO = 4.8 / PAPERS_BATCH;
    private static final double LARGE_RATIO = 0.6 / 256;

    private static final int IMAGENET = 1_281_167;
    private static final int CIFAR = 50_000;
    /** Number of training images that each job is written for; {@code ./swav quickstart} generates its own. */
    private static final Map<String, Integer> IMAGES = Map.of(
            "pictures",
            CIFAR,
            "spot",
            IMAGENET,
            "bucket",
            IMAGENET,
            "gang",
            IMAGENET,
            "queued",
            IMAGENET,
            "queued-by-pod",
            IMAGENET,
            "quickstart",
            4_000);

    /** The quickstart shows what SwAV learns in minutes, not the final result: kNN was tuned at this rate, and soft crops tolerate it. */
    private static final Map<String, Double> TUNED_RATES = Map.of("quickstart", 3.0);

    private record Job(Path file, JsonNode manifest) {
        String name() {
            return manifest.at("/metadata/name").asText();
        }
    }

    @TestFactory
    List<DynamicTest> ratesFitTheBatch() throws IOException {
        List<Job> jobs = jobs();
        assertThat(jobs)
                .extracting(job -> ProjectFiles.PROJECT.relativize(job.file).toString())
                .contains("README.md", "examples/quickstart.yaml", "examples/restricted.yaml")
                .hasSizeGreaterThanOrEqualTo(5);
        return jobs.stream()
                .map(job ->
                        dynamicTest(ProjectFiles.PROJECT.relativize(job.file) + ", " + job.name(), () -> check(job)))
                .toList();
    }

    private static void check(Job job) {
        Training training = SpecLoader.complete(job.file.toString(), job.manifest.get("spec"))
                .training();
        Optimizer rates = training.optimizer();
        int batch = training.globalBatch();

        if (TUNED_RATES.containsKey(job.name())) {
            assertThat(rates.learningRate()).isEqualTo(TUNED_RATES.get(job.name()));
        } else {
            assertThat(rates.learningRate() / batch)
                    .as("learningRate / globalBatch: from the paper's at 4096 to its at 256")
                    .isBetween(SMALL_RATIO, LARGE_RATIO);
        }
        assertThat(rates.finalLearningRate() / rates.learningRate())
                .as("finalLearningRate / learningRate")
                .isCloseTo(0.001, within(1e-6));
        assertThat(rates.warmupEpochs())
                .as("warmupEpochs: 10 at batch 4096, fewer in proportion, a tenth of all at most")
                .isLessThanOrEqualTo(10.0 * batch / PAPERS_BATCH)
                .isLessThanOrEqualTo(0.1 * training.epochs());
        assertThat(rates.warmupStart()).as("warmupStart").isLessThanOrEqualTo(rates.learningRate());
        assertThat(IMAGES)
                .as("IMAGES, the number of images that each job is written for")
                .containsKey(job.name());
        int epoch = IMAGES.getOrDefault(job.name(), 0) / batch; // in steps; the last short batch is dropped
        assertThat(training.prototypesFrozenSteps() / (double) epoch)
                .as("prototypesFrozenSteps, in epochs")
                .isBetween(0.9, 1.1);
    }

    private static List<Job> jobs() throws IOException {
        List<Job> jobs = new ArrayList<>();
        for (Path file : files()) {
            String text = Files.readString(file);
            List<String> parts = file.toString().endsWith(".md")
                    ? YAML.matcher(text)
                            .results()
                            .map((MatchResult m) -> m.group(1))
                            .toList()
                    : List.of(text);
            for (String part : parts) {
                for (JsonNode object : Chart.objects(part)) {
                    if (object.path("kind").asText().equals("SwavJob")) {
                        jobs.add(new Job(file, object));
                    }
                }
            }
        }
        return jobs;
    }

    private static List<Path> files() throws IOException {
        List<Path> files = new ArrayList<>(List.of(ProjectFiles.PROJECT.resolve("README.md")));
        for (String folder : List.of("docs", "examples", "charts/argocd/examples")) {
            try (Stream<Path> all = Files.walk(ProjectFiles.PROJECT.resolve(folder))) {
                all.filter(file -> file.toString().matches(".*\\.(md|yaml)"))
                        .sorted()
                        .forEach(files::add);
            }
        }
        return files;
    }
}
