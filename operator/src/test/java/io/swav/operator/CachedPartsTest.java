package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import java.util.Collections;
import org.junit.jupiter.api.Test;

class CachedPartsTest {
    private static final String MANAGED = """
            "managedFields": [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1",
              "time": "2026-11-30T10:00:00Z", "fieldsType": "FieldsV1",
              "fieldsV1": {"f:status": {"f:conditions": {"k:{\\"type\\":\\"Ready\\"}": {"f:lastHeartbeatTime": {}}}}}}]""";

    private final KubernetesSerialization serialization = CachedParts.serialization();

    @Test
    void aNodeKeepsWhatPlansReadOfIt() {
        String image = "{\"names\": [\"registry.example/image@sha256:" + "0".repeat(64) + "\"], \"sizeBytes\": 1}";
        Node node = serialization.unmarshal(
                """
                {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node", "labels": {"zone": "a"}, %s},
                 "spec": {"taints": [{"key": "spot", "effect": "NoSchedule"}], "unschedulable": true},
                 "status": {"conditions": [{"type": "Ready", "status": "True"}], "capacity": {"cpu": "64"},
                   "futureField": {"a": [1]}, "images": [%s]}}""".formatted(MANAGED, String.join(",", Collections.nCopies(50, image))), Node.class);

        assertThat(node.getMetadata().getLabels()).containsEntry("zone", "a");
        assertThat(node.getSpec().getTaints()).hasSize(1);
        assertThat(node.getSpec().getUnschedulable()).isTrue();
        assertThat(node.getStatus().getConditions()).hasSize(1);
        assertThat(node.getStatus().getImages()).isEmpty();
        assertThat(Serialization.asJson(node).length())
                .as("bytes of the whole node")
                .isLessThan(600);
    }

    /** Who wrote an object decides whether it is the operator's. */
    @Test
    void anObjectKeepsItsManagersWithoutTheirFields() {
        ConfigMap map = serialization.unmarshal(
                "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"map\", " + MANAGED
                        + "}, \"data\": {\"a\": \"b\"}}",
                ConfigMap.class);

        ManagedFieldsEntry entry = map.getMetadata().getManagedFields().get(0);
        assertThat(entry.getManager()).isEqualTo("kubelet");
        assertThat(entry.getTime()).isEqualTo("2026-11-30T10:00:00Z");
        assertThat(entry.getFieldsV1()).isNull();
        assertThat(map.getData()).containsEntry("a", "b");
    }

    /** What the operator sends must not lose anything by it. */
    @Test
    void podsAreSentWhole() {
        SwavJob job = Jobs.job("replicas: 1");
        Pod pod = TrainerPod.of(job, Jobs.richTemplate(), "job-0");

        assertThat(serialization.asJson(pod)).isEqualTo(Serialization.asJson(pod));
        assertThat(serialization.unmarshal(Serialization.asJson(pod), Pod.class))
                .isEqualTo(Serialization.unmarshal(Serialization.asJson(pod), Pod.class));
    }

    @Test
    void jobsAreReadAsEver() {
        SwavJob job = Jobs.job("replicas: 3, elastic: {minReplicas: 2}");
        assertThat(serialization.asJson(serialization.unmarshal(Serialization.asJson(job), SwavJob.class)))
                .isEqualTo(Serialization.asJson(job));
    }
}
