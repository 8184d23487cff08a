package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.data.DataSynthCommand;
import io.swav.local.LocalDeployment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs jobs of two real trainers of which one has a value that is not finite, once or always. */
class NotFiniteIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final int STEPS = 8;
    /** A save that falls due while the one before it is written is made a step later. */
    private static final Pattern RESUMES = Pattern.compile("Training resumes from step [0-5]$");

    @TempDir
    static Path dir;

    private static LocalDeployment stack;
    private static KubernetesClient client;

    @BeforeAll
    static void up() throws Exception {
        DataSynthCommand.synthesize(dir.resolve("data"), 128, 4, 16, 31);
        stack = LocalDeployment.up(dir.resolve("stack"), 2, Map.of(), System.err::println);
        client = stack.client();
    }

    @AfterAll
    static void down() throws Exception {
        client.close();
        LocalDeployment.down(dir.resolve("stack"));
    }

    @Test
    void oneNotANumberChangesNoWeight() throws Exception {
        SwavJobStatus quiet = ended("quiet", "");
        SwavJobStatus flipped = ended("flipped", "nan@5:1");
        assertThat(List.of(quiet, flipped)).allMatch(status -> status.isTrue(ConditionType.Complete));
        SwavJobStatus.Ledger ledger = Objects.requireNonNull(flipped.ledger());
        assertThat(ledger.notFinite()).isEqualTo(1);
        assertThat(ledger.failures()).isZero();
        assertThat(ledger.incidents())
                .filteredOn(incident -> incident.kind() == IncidentKind.NotFinite)
                .singleElement()
                .returns(5L, Incident::step)
                .satisfies(incident -> assertThat(incident.reason())
                        .contains("step 5 is NaN or infinite", "computed again with the same samples it is finite"));
        assertThat(model("flipped")).isEqualTo(model("quiet"));
    }

    @Test
    void stepThatStaysNotFiniteFailsTheJobOnceWithItsReason() throws Exception {
        SwavJobStatus status = ended("poisoned", "nan@5:1:always");
        SwavJobStatus.JobCondition failed =
                status.condition(ConditionType.Failed).orElseThrow();
        assertThat(failed.reason()).isEqualTo("NotFinite");
        assertThat(failed.message())
                .contains("step 5 is NaN or infinite", "rank 1 (poisoned-", "samples", "learningRate")
                .contains("file://" + dir + "/poisoned/not-finite/step-5.json");
        SwavJobStatus.Ledger ledger = Objects.requireNonNull(status.ledger());
        assertThat(ledger.failures()).as("two pods ended").isEqualTo(1);
        assertThat(ledger.recentFailures()).isEqualTo(1);
        assertThat(ledger.incidents())
                .filteredOn(incident -> incident.kind() == IncidentKind.NotFinite)
                .singleElement()
                .satisfies(incident -> assertThat(incident.reason()).containsPattern(RESUMES));
        assertThat(dir.resolve("poisoned/not-finite/step-5.json")).isNotEmptyFile();
        await("an Event reports the resume")
                .atMost(LIMIT)
                .until(() -> client.v1().events().inNamespace("default").list().getItems().stream()
                        .anyMatch(event -> event.getReason().equals("StepNotFinite")
                                && RESUMES.matcher(event.getMessage()).find()));
    }

    private static SwavJobStatus ended(String name, String faults) {
        SwavJob job = Serialization.unmarshal("""
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: %2$s, namespace: default}
                spec:
                  replicas: 2
                  elastic: {minReplicas: 2, maxReplicas: 2}
                  template:
                    spec:
                      containers:
                      - name: trainer
                        image: swav-trainer
                        env: [{name: SWAV_INJECT, value: "%3$s"}, {name: JDK_JAVA_OPTIONS, value: "-XX:TieredStopAtLevel=1"}]
                  model: {architecture: tiny, stem: small, prototypes: 10, featureDim: 8, hiddenDim: 16}
                  data: {uri: file://%1$s/data/train}
                  crops: [{count: 2, size: 16, minScale: 0.3, maxScale: 1}]
                  training: {globalBatch: 32, groupSize: 16, epochs: 100, maxSteps: %4$d, prototypesFrozenSteps: 1,
                    threads: 1, optimizer: {warmupEpochs: 0.5}}
                  checkpoint: {uri: file://%1$s/%2$s, everySteps: 2}
                """.formatted(dir, name, faults, STEPS), SwavJob.class);
        client.resource(job).create();
        return await("job " + name + " ends")
                .atMost(LIMIT)
                .until(
                        () -> Objects.requireNonNullElse(
                                client.resource(job).get().getStatus(), SwavJobStatus.EMPTY),
                        status -> status.isTrue(ConditionType.Complete) || status.isTrue(ConditionType.Failed));
    }

    private static byte[] model(String job) throws Exception {
        return Files.readAllBytes(dir.resolve(job + "/step-" + STEPS + "/model.safetensors"));
    }
}
