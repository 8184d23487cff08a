package io.swav.api;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.DataSpec.AugmentOn;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Reads objects that a later version wrote: one that cannot be read would end the watch of all jobs. */
class LaterVersionTest {
    @Test
    void readsUnknownValues() throws Exception {
        String object = """
                ---
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: job, namespace: ns}
                spec:
                  data: {uri: 'file:///data', augmentOn: Cloud}
                  assignment: {mode: Quick}
                  training: {reproducibility: Almost}
                status:
                  phase: Moving
                  ledger: {incidents: [{time: t, kind: Fire, pod: p, reason: r}, {time: t, kind: Hang, pod: p, reason: r}]}
                """;
        for (SwavJob job : List.of(
                Serialization.unmarshal(object, SwavJob.class),
                new ObjectMapper().treeToValue(Serialization.unmarshal(object, JsonNode.class), SwavJob.class))) {
            assertThat(job.getSpec().assignment().mode())
                    .as("as if it were unset")
                    .isEqualTo(AssignmentSpec.Mode.QueueFree);
            assertThat(job.getSpec().training().reproducibility()).isNull();
            assertThat(job.getSpec().data().augmentOn())
                    .as("as if it were unset")
                    .isEqualTo(AugmentOn.Host);
            assertThat(job.getStatus().phase()).isNull();
            assertThat(requireNonNull(requireNonNull(job.getStatus().ledger()).incidents()))
                    .extracting(Incident::kind)
                    .containsExactly(IncidentKind.Unknown, IncidentKind.Hang);
        }
    }

    @Test
    void writesValuesByTheirNames() throws Exception {
        SwavJobSpec spec = SpecLoader.complete(
                "test", Serialization.unmarshal("---\n{data: {uri: 'file:///data'}}", JsonNode.class));
        JsonNode config = new ObjectMapper().readTree(SpecLoader.config(spec));
        assertThat(config.at("/assignment/mode").asText()).isEqualTo("QueueFree");
        assertThat(config.at("/training/reproducibility").asText()).isEqualTo("Bitwise");
        assertThat(config.at("/data/augmentOn").asText()).isEqualTo("Host");
    }
}
