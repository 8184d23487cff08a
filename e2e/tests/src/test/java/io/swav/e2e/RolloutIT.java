package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.TrainerReport;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A change of spec.template reaches the pods of a job. */
class RolloutIT extends OperatedJob {
    private static final String SPEC =
            "replicas: 2, elastic: {growAfterSeconds: 0}, checkpoint: {uri: 'file:///saved'}";
    private static final Map<String, Object> BUILD_1 = fingerprints("build-1");

    private long step = 7; // of formOfTwo

    RolloutIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void replacesRunningPodsOneAtATimeAndReportsHowFarItIs() {
        formOfTwo(SPEC);
        change("one");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).as("the successor comes first").containsExactly("job-0", "job-1", "job-2");
            assertThat(status().condition(ConditionType.Ready).orElseThrow())
                    .matches(ready ->
                            ready.status().equals("False") && ready.reason().equals("RollingOut"))
                    .matches(ready -> ready.message()
                            .contains("0 of 3 pods run the present spec.template; the next one is replaced when job-2"
                                    + " is ready"));
            assertThat(status().isTrue(ConditionType.Reconciling)).isTrue();
        });
        trainers.ready("job-2");
        train("job-0", "job-2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-2", "job-3"));
        trainers.ready("job-3");
        train("job-2", "job-3");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).containsExactly("job-2", "job-3");
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(message(ConditionType.Ready)).doesNotContain("spec.template");
        });
        assertThat(ledger().preemptions()).isZero();
        assertThat(ledger().stepsLost()).isZero();
        assertThat(events()).contains("RolloutStarted", "RolloutFinished").doesNotContain("PodPreempted");
        assertThat(events()).filteredOn("RolloutStarted"::equals).hasSize(1);
        assertThat(events()).filteredOn("RolloutFinished"::equals).hasSize(1);
    }

    @Test
    void replacesPodsThatHaveNotStartedAtOnce() {
        apply(SPEC);
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        change("one");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-2", "job-3"));
    }

    @Test
    void waitsWhileItIsPaused() {
        formOfTwo(SPEC);
        annotate("\"true\"");
        change("one");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Ready))
                .contains("0 of 2 pods run the present spec.template; replacing the others is paused"));
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        assertThat(status().isTrue(ConditionType.Ready)).isTrue();
        annotate("null");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2"));
    }

    /** Two builds never share a world: the earlier one saves and leaves, and the other resumes. */
    @Test
    void replacesAllTogetherWhenTheImageHasAnotherBuild() {
        formOfTwo(SPEC);
        trainers.update("job-0", BUILD_1);
        trainers.update("job-1", BUILD_1);
        change("one");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1", "job-2"));
        trainers.ready("job-2");
        trainers.update("job-2", fingerprints("build-2"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-2", "job-3"));
        trainers.ready("job-3");
        trainers.update("job-3", fingerprints("build-2"));
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-2", "job-3"));
        soon().untilAsserted(() -> assertThat(
                        client.v1().events().inNamespace(namespace).list().getItems())
                .anyMatch(event -> event.getReason().equals("PodsDeleted")
                        && event.getMessage().startsWith("job-0, job-1 (spec.template has another build")));
    }

    private void change(String note) {
        applyTemplate(
                SPEC,
                "{metadata: {annotations: {note: " + note
                        + "}}, spec: {containers: [{name: trainer, image: swav-trainer}]}}");
    }

    private void annotate(String value) {
        job().patch(
                        PatchContext.of(PatchType.JSON_MERGE),
                        "{\"metadata\": {\"annotations\": {\"swav.io/rollout-paused\": " + value + "}}}");
    }

    /** Makes seven steps in the world of these pods, when it is published. */
    private void train(String... pods) {
        soon().untilAsserted(() -> assertThat(members()).containsExactly(pods));
        long generation = trainers.world().generation();
        step += 7;
        for (String pod : List.of(pods)) {
            trainers.training(pod, step, new TrainerReport.Regroup(generation, null, 0, 7, 3.5));
        }
    }

    private static Map<String, Object> fingerprints(String build) {
        return Map.of(
                "fingerprints",
                Map.of("config", "c", "samples", 40, "data", "d", "wire", 5, "build", build, "bitwise", false));
    }
}
