package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.SortedMap;
import org.junit.jupiter.api.Test;

class TrainingSettingsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Test
    void coversTheWholeConfigurationExceptWhatChangesNoBit() throws JsonProcessingException {
        SortedMap<String, String> settings = settings("{}");
        assertThat(settings.keySet())
                .as("a new field of the spec is covered unless it is known to have no effect")
                .contains(
                        "training.seed",
                        "training.optimizer.learningRate",
                        "training.optimizer.momentum",
                        "training.reproducibility",
                        "training.threads",
                        "training.globalBatch",
                        "training.groupSize",
                        "training.gradients.bucketMegabytes",
                        "training.augmentation.blurProbability",
                        "assignment.epsilon",
                        "crops[0].size",
                        "crops[1].maxScale",
                        "model.architecture",
                        "data.augmentOn",
                        "data.maxPixels",
                        "data.exifOrientation")
                .noneMatch(path -> path.startsWith("elastic")
                        || path.startsWith("checkpoint")
                        || path.startsWith("recovery")
                        || path.startsWith("template"))
                .doesNotContain("replicas", "suspend", "data.uri", "data.workers", "data.evalUri");
    }

    @Test
    void theDigestChangesWithEachOfThem() throws JsonProcessingException {
        String digest = TrainingSettings.digest(settings("{}"));
        assertThat(digest).hasSize(16).isEqualTo(TrainingSettings.digest(settings("{\"replicas\": 2}")));
        for (String other : new String[] {
            "{\"training\": {\"seed\": 4}}",
            "{\"training\": {\"optimizer\": {\"learningRate\": 20}}}",
            "{\"training\": {\"reproducibility\": \"Fast\"}}",
            "{\"training\": {\"threads\": 2}}",
            "{\"assignment\": {\"epsilon\": 0.03}}",
            "{\"crops\": [{\"count\": 2, \"size\": 224, \"minScale\": 0.1, \"maxScale\": 1}]}"
        }) {
            assertThat(TrainingSettings.digest(settings(other))).as(other).isNotEqualTo(digest);
        }
    }

    /** Otherwise no pod that is created after a change could join those that run. */
    @Test
    void whereAndHowDataIsReadIsNoneOfThem() throws JsonProcessingException {
        ObjectNode cached = (ObjectNode) JSON.readTree("{\"replicas\": 1}");
        cached.putObject("data").put("uri", "s3://b/p");
        cached.withObject("/data/s3").put("endpoint", "http://minio:9000");
        cached.withObject("/data/cache").put("path", "/cache").put("size", "20Gi");
        assertThat(TrainingSettings.of(SpecLoader.complete("test", cached))).isEqualTo(settings("{}"));
    }

    @Test
    void threadsAreLeftOutOfTheDigestWhereNoBitsArePromised() throws JsonProcessingException {
        SortedMap<String, String> two = settings("{\"training\": {\"reproducibility\": \"Fast\", \"threads\": 2}}");
        SortedMap<String, String> four = settings("{\"training\": {\"reproducibility\": \"Fast\", \"threads\": 4}}");
        assertThat(TrainingSettings.digest(two)).isEqualTo(TrainingSettings.digest(four));
        assertThat(four).containsEntry("training.threads", "4");
    }

    private static SortedMap<String, String> settings(String spec) throws JsonProcessingException {
        ObjectNode json = (ObjectNode) JSON.readTree(spec);
        json.putObject("data").put("uri", "file:///none");
        if (!json.has("replicas")) {
            json.put("replicas", 1);
        }
        return TrainingSettings.of(SpecLoader.complete("test", json));
    }
}
