package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.PodScheduler.Bind;
import io.swav.local.PodScheduler.Unschedulable;
import java.util.List;
import org.junit.jupiter.api.Test;

class PodSchedulerTest {
    private static final Node BUSY = node("a", "{}");
    private static final Node IDLE = node("b", "{}");
    private static final Pod ON_BUSY = pod("nodeName: a, containers: [{name: c, resources: {requests: {gpu: '1'}}}]");

    @Test
    void takesTheNodeWithTheFewestPods() {
        assertThat(PodScheduler.place(pod("containers: [{name: c}]"), List.of(BUSY, IDLE), List.of(ON_BUSY)))
                .isEqualTo(new Bind("b"));
    }

    @Test
    void endedPodsTakeNoRoom() {
        Pod asks = pod("containers: [{name: c, resources: {limits: {gpu: '2'}}}]");
        assertThat(PodScheduler.place(asks, List.of(BUSY), List.of(ON_BUSY)))
                .isEqualTo(new Unschedulable("0/1 nodes are available: 1 Insufficient gpu."));
        Pod ended =
                ON_BUSY.edit().withNewStatus().withPhase("Failed").endStatus().build();
        assertThat(PodScheduler.place(asks, List.of(BUSY), List.of(ended))).isEqualTo(new Bind("a"));
    }

    @Test
    void givesTheReasonAgainstEachNode() {
        List<Node> nodes = List.of(
                node("cordoned", "{unschedulable: true}"), node("spot", "{taints: [{key: spot, effect: NoSchedule}]}"));
        assertThat(PodScheduler.place(pod("containers: [{name: c}]"), nodes, List.of()))
                .isEqualTo(new Unschedulable("0/2 nodes are available: 1 node(s) had untolerated taint {spot: },"
                        + " 1 node(s) were unschedulable."));
        assertThat(PodScheduler.place(
                        pod("containers: [{name: c}], tolerations: [{key: spot, operator: Exists}]"), nodes, List.of()))
                .isEqualTo(new Bind("spot"));
        assertThat(PodScheduler.place(
                        pod("containers: [{name: c}], nodeSelector: {disk: ssd}"), List.of(IDLE), List.of()))
                .isEqualTo(new Unschedulable(
                        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."));
    }

    private static Node node(String name, String spec) {
        return Serialization.unmarshal(
                "apiVersion: v1\nkind: Node\nmetadata: {name: " + name + "}\nspec: " + spec
                        + "\nstatus: {allocatable: {gpu: '2'}, conditions: [{type: Ready, status: 'True'}]}",
                Node.class);
    }

    private static Pod pod(String spec) {
        return Serialization.unmarshal(
                "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {" + spec + "}", Pod.class);
    }
}
