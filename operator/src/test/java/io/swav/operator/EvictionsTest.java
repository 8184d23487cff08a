package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.planner.PodState;
import io.swav.planner.PodState.Cause;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Judges evictions by the kubelet's messages, word for word as kubelets of 1.20 and of 1.26 and newer write them. */
class EvictionsTest {
    @Test
    void aLimitThatThePodExceededIsItsFault() {
        assertThat(fault("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "))
                .contains("evicted for its use of ephemeral storage: more than 1Gi, the limit of all containers. Raise"
                        + " resources.limits.ephemeral-storage, or write less to the container's disk, emptyDir volumes"
                        + " and logs");
        assertThat(fault("Container trainer exceeded its local ephemeral storage limit \"500Mi\". "))
                .contains("evicted for its use of ephemeral storage: container trainer used more than 500Mi. Raise its"
                        + " resources.limits.ephemeral-storage, or write less");
        assertThat(fault("Usage of EmptyDir volume \"cache\" exceeds the limit \"2Gi\". "))
                .contains("evicted for its use of an emptyDir volume: cache has more than 2Gi. Raise its sizeLimit, or"
                        + " write less to it");
    }

    @Test
    void memoryAboveItsRequestIsThePodsFault() {
        String expected =
                "evicted for its use of memory: container trainer used 788244Ki with a request of 128M when its"
                        + " node ran low. Raise resources.requests.memory to what the container needs, so that it gets a node"
                        + " that has it";
        assertThat(fault(
                        "The node was low on resource: memory. Threshold quantity: 12Gi, available: 12536420Ki. Container"
                                + " trainer was using 788244Ki, request is 128M, has larger consumption of memory. "))
                .contains(expected);
        assertThat(fault("The node was low on resource: memory. Container trainer was using 788244Ki, which exceeds its"
                        + " request of 128M. "))
                .as("before Kubernetes 1.26")
                .contains(expected);
        assertThat(fault("The node was low on resource: memory. Container proxy was using 1Gi, request is 0, has larger"
                        + " consumption of memory. Container trainer was using 1.5Gi, request is 1Gi, has larger consumption"
                        + " of memory. "))
                .as("no request at all is a request of 0")
                .hasValueSatisfying(why -> assertThat(why)
                        .contains("container proxy used 1Gi with a request of 0, container trainer used 1.5Gi with"));
    }

    @Test
    void pressureOfTheNodeIsNotThePodsFault() {
        for (String message : List.of(
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 91244Ki. ",
                "The node was low on resource: memory. ",
                "The node was low on resource: ephemeral-storage. Threshold quantity: 16015370671, available: 13389604Ki."
                        + " Container trainer was using 60Ki, request is 0, has larger consumption of ephemeral-storage. ",
                "The node was low on resource: ephemeral-storage. Container trainer was using 20Ki, which exceeds its"
                        + " request of 0. ",
                "The node was low on resource: inodes. Container trainer was using 4000, request is 0, has larger"
                        + " consumption of inodes. ",
                "The node was low on resource: pids. ",
                "The node had condition: [DiskPressure]. ",
                "Pod was terminated in response to imminent node shutdown.",
                "")) {
            assertThat(fault(message)).as(message).isEmpty();
        }
        assertThat(
                        fault(
                                "The node was low on resource: ephemeral-storage. Threshold quantity: 1, available: 0. Container"
                                        + " trainer was using 9Gi, request is 1Gi, has larger consumption of ephemeral-storage. "))
                .as("above a request that it has")
                .isPresent();
        Pod other = pod("Container trainer exceeded its local ephemeral storage limit \"1\". ");
        other.getStatus().setReason("NodeShutdown");
        assertThat(Evictions.ownFault(other)).isEmpty();
    }

    /** A kubelet puts DisruptionTarget on both kinds of evictions under node pressure, and only the message differs. */
    @Test
    void anEvictionForThePodsOwnUseIsAFailureDespiteItsNotice() {
        String used = "The node was low on resource: memory. Threshold quantity: 1, available: 0. Container trainer was"
                + " using 9Gi, request is 8Gi, has larger consumption of memory. ";
        assertThat(ended(137, used))
                .isInstanceOfSatisfying(
                        PodState.Ended.class, end -> assertThat(end.cause()).isEqualTo(Cause.OVERUSED));
        assertThat(ended(143, used))
                .isInstanceOfSatisfying(
                        PodState.Ended.class, end -> assertThat(end.cause()).isEqualTo(Cause.OVERUSED));
        assertThat(ended(0, used))
                .isInstanceOfSatisfying(
                        PodState.Ended.class, end -> assertThat(end.cause()).isEqualTo(Cause.OVERUSED));
        assertThat(ended(137, "The node was low on resource: memory. "))
                .isEqualTo(new PodState.Ended(
                        Cause.PREEMPTED, "TerminationByKubelet: The node was low on resource: memory. "));
    }

    private static PodState ended(int exit, String message) {
        Pod pod = pod(message);
        pod.setStatus(new PodStatusBuilder(pod.getStatus())
                .addNewCondition()
                .withType("DisruptionTarget")
                .withStatus("True")
                .withReason("TerminationByKubelet")
                .withMessage(message)
                .endCondition()
                .addNewContainerStatus()
                .withName("trainer")
                .withNewState()
                .withNewTerminated()
                .withExitCode(exit)
                .withReason("Error")
                .endTerminated()
                .endState()
                .endContainerStatus()
                .build());
        return PodClassifier.classify(
                        Signals.BUILT_IN, pod, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty())
                .state();
    }

    private static Optional<String> fault(String message) {
        return Evictions.ownFault(pod(message));
    }

    private static Pod pod(String message) {
        Pod pod = Serialization.unmarshal("""
                ---
                metadata: {name: job-0, uid: u, creationTimestamp: '2026-01-01T00:00:00Z'}
                spec: {nodeName: n, containers: [{name: trainer}]}
                status: {phase: Failed, reason: Evicted}
                """, Pod.class);
        pod.getStatus().setMessage(message);
        return pod;
    }
}
