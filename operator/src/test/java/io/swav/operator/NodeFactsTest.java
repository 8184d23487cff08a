package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeConditionBuilder;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class NodeFactsTest {
    private static final Node NODE = new NodeBuilder()
            .withNewMetadata()
            .withName("node")
            .withResourceVersion("1")
            .addToLabels("zone", "a")
            .endMetadata()
            .withNewSpec()
            .endSpec()
            .withNewStatus()
            .addToConditions(new NodeConditionBuilder()
                    .withType("Ready")
                    .withStatus("True")
                    .withReason("KubeletReady")
                    .withLastHeartbeatTime("2026-11-30T10:00:00Z")
                    .build())
            .endStatus()
            .build();

    private static boolean differs(UnaryOperator<NodeBuilder> change) {
        return NodeFacts.differ(NODE, change.apply(new NodeBuilder(NODE)).build());
    }

    @Test
    void aHeartbeatIsNoChange() {
        assertThat(differs(node -> node.editMetadata()
                        .withResourceVersion("2")
                        .addToAnnotations("agent", "was here")
                        .endMetadata()
                        .editStatus()
                        .editFirstCondition()
                        .withLastHeartbeatTime("2026-11-30T10:00:10Z")
                        .endCondition()
                        .addNewImage()
                        .addToNames("new-image")
                        .endImage()
                        .endStatus()))
                .isFalse();
    }

    @Test
    void everySignalIs() {
        assertThat(differs(node -> node.editSpec()
                        .addNewTaint("NoSchedule", "spot", null, "")
                        .endSpec()))
                .as("a taint")
                .isTrue();
        assertThat(differs(node -> node.editSpec().withUnschedulable(true).endSpec()))
                .as("a cordon")
                .isTrue();
        assertThat(differs(
                        node -> node.editMetadata().addToLabels("going", "true").endMetadata()))
                .as("a label")
                .isTrue();
        assertThat(differs(node -> node.editMetadata()
                        .withDeletionTimestamp("2026-11-30T10:00:00Z")
                        .endMetadata()))
                .as("a deletion")
                .isTrue();
        assertThat(differs(node -> node.editStatus()
                        .editFirstCondition()
                        .withStatus("Unknown")
                        .endCondition()
                        .endStatus()))
                .as("a kubelet that does not respond")
                .isTrue();
    }

    @Test
    void aNodeWithoutStatusHasFacts() {
        Node bare = new NodeBuilder()
                .withNewMetadata()
                .withName("node")
                .endMetadata()
                .build();
        assertThat(NodeFacts.differ(bare, bare)).isFalse();
        assertThat(NodeFacts.differ(bare, NODE)).isTrue();
    }
}
