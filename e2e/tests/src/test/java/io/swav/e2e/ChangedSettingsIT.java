package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.EpochSchedule;
import io.swav.api.EpochSchedule.Change;
import io.swav.api.LiveSettings;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What may change while a job runs reaches its trainers, and what may not is refused. */
class ChangedSettingsIT extends OperatedJob {
    private static final String JOB = "replicas: 2, elastic: {growAfterSeconds: 0}";

    ChangedSettingsIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void raisedEpochsAreInForceFromTheStepThatTrainersReport() {
        formOfTwo(JOB);
        long before = trainers.world().generation();
        patch("training: {epochs: 200}");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Ready))
                .as("these trainers report like those of an earlier version")
                .contains("training.epochs 200 instead of 100 has to wait: job-0 and 1 more run an earlier version"));
        assertThat(trainers.world().generation()).isEqualTo(before);

        follow(new Change(0L, 100), "job-0", "job-1");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().generation()).isEqualTo(before + 1);
            assertThat(trainers.world().epochs())
                    .isEqualTo(EpochSchedule.of(100).raisedTo(200));
            assertThat(members()).containsExactly("job-0", "job-1");
        });
        for (String pod : List.of("job-0", "job-1")) {
            trainers.training(pod, before + 1, 20);
        }
        follow(new Change(17L, 200), "job-0", "job-1");
        soon().untilAsserted(() -> {
            assertThat(requireNonNull(status().progress()).epochs()).isEqualTo(200);
            assertThat(requireNonNull(status().progress()).epochsSince()).isEqualTo(17);
            assertThat(messages())
                    .filteredOn(text -> text.startsWith("SettingsChanged"))
                    .containsExactly(
                            "SettingsChanged: training.epochs 200 is in force from step 17 on: the job trains 100"
                                    + " steps");
            assertThat(messages())
                    .contains("WorldPublished: World generation " + (before + 1)
                            + " with 2 trainers: training.epochs 200 instead of 100");
        });
        assertThat(config())
                .as("checkpoints and newcomers are compared with it")
                .contains("\"epochs\" : 100");

        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(trainers.world().epochs())
                .as("a checkpoint from before step 17 comes to it there")
                .isEqualTo(new EpochSchedule(List.of(new Change(0L, 100), new Change(17L, 200)))));
        refused("training: {epochs: 150}", "spec.training.epochs can only be raised");
    }

    @Test
    void settingsThatChangeNoBitReachTrainersOrTheNextPods() {
        formOfTwo(JOB);
        long before = trainers.world().generation();
        follow(new Change(0L, 100), "job-0", "job-1");
        patch("checkpoint: {everySteps: 50, keep: 5}, data: {maxBadSamples: 7, workers: 4}");
        soon().untilAsserted(() -> {
            assertThat(trainers.world().generation()).isEqualTo(before + 1);
            assertThat(trainers.world().settings()).isEqualTo(new LiveSettings(7, 50, null, 5, 15));
            assertThat(trainers.world().epochs()).isNull();
            assertThat(messages())
                    .contains(
                            "SettingsChanged: data.workers 4 instead of 2: pods created from now on have it, running ones"
                                    + " keep theirs",
                            "WorldPublished: World generation " + (before + 1)
                                    + " with 2 trainers: data.maxBadSamples 7"
                                    + " instead of 100, checkpoint.everySteps 50 instead of 500, checkpoint.keep 5"
                                    + " instead of 3");
            assertThat(config()).contains("\"workers\" : 4", "\"everySteps\" : 50");
        });
        refused("checkpoint: {uri: 'file:///other'}", "spec.checkpoint.uri and s3 cannot change");
        refused("training: {threads: 2}", "spec.training.threads cannot change with reproducibility Bitwise");
        assertThat(trainers.world().settings()).isEqualTo(new LiveSettings(7, 50, null, 5, 15));
    }

    @Test
    void aCompleteJobStaysCompleteAndSaysSo() {
        formOfTwo(JOB);
        long generation = trainers.world().generation();
        trainers.done("job-0", generation, 100);
        trainers.done("job-1", generation, 100);
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Complete));
        patch("training: {epochs: 200}");
        soon().untilAsserted(() -> assertThat(message(ConditionType.Complete))
                .contains("training.epochs 200 came after the last of 100 epochs and has no effect"));
        assertThat(status().phase()).isEqualTo(Phase.Complete);
        assertThat(trainers.world().generation()).isEqualTo(generation);
    }

    /** Lets trainers report like those that take settings over. */
    private void follow(Change epochs, String... pods) {
        for (String pod : pods) {
            trainers.update(pod, Map.of("epochs", epochs));
        }
    }

    /** A server that knows the CRD's rules refuses the change itself; with an older one the job is Stalled. */
    private void refused(String fields, String why) {
        if (TestCluster.enforcesRules(client)) {
            assertThatThrownBy(() -> patch(fields))
                    .isInstanceOf(KubernetesClientException.class)
                    .hasMessageContaining(why);
        } else {
            patch(fields);
            soon().untilAsserted(
                            () -> assertThat(message(ConditionType.Stalled)).contains(why));
        }
    }

    private void patch(String fields) {
        String json = Serialization.asJson(Serialization.unmarshal("---\nspec: {" + fields + "}", JsonNode.class));
        job().patch(PatchContext.of(PatchType.JSON_MERGE), json);
    }

    private String config() {
        return requireNonNull(client.configMaps()
                .inNamespace(namespace)
                .withName(ResourceNames.configName("job"))
                .get()
                .getData()
                .get(ResourceNames.CONFIG_KEY));
    }

    private List<String> messages() {
        return client.v1().events().inNamespace(namespace).list().getItems().stream()
                .map((Event event) -> event.getReason() + ": " + event.getMessage())
                .toList();
    }
}
