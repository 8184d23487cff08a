package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What an admission adds to the pods of a job, read from a Workload as Kueue writes it. */
class AdmittedPodSetTest {
    private static final GenericKubernetesResource WORKLOAD = resource("""
            spec: {queueName: q, podSets: [{name: main, count: 2, template: {spec: {containers: [{name: t}]}}}]}
            status:
              admission:
                clusterQueue: cq
                podSetAssignments: [{name: main, count: 2, flavors: {cpu: spot, memory: spot, nvidia.com/gpu: h100}}]
              admissionChecks:
              - name: capacity
                state: Ready
                podSetUpdates:
                - name: main
                  annotations: {autoscaling.x-k8s.io/consume-provisioning-request: p}
                  labels: {reserved: "yes"}
                  nodeSelector: {class: reserved}
                  tolerations: [{key: reserved, operator: Exists}]
                - {name: other, labels: {not: ours}}
            """);

    private static GenericKubernetesResource resource(String yaml) {
        return Serialization.unmarshal(
                "apiVersion: kueue.x-k8s.io/v1beta2\nkind: Any\nmetadata: {name: n}\n" + yaml,
                GenericKubernetesResource.class);
    }

    private static Pod pod(String selector) {
        return Serialization.unmarshal("""
                metadata: {name: job-0, labels: {kueue.x-k8s.io/queue-name: other, swav.io/job: job}}
                spec: {nodeSelector: {%s}, tolerations: [{key: reserved, operator: Exists}], containers: [{name: t}]}
                """.formatted(selector), Pod.class);
    }

    private static AdmittedPodSet placement() {
        AdmittedPodSet placement = KueueWorkload.of(WORKLOAD).placement();
        assertThat(placement.flavors()).containsExactlyInAnyOrder("spot", "h100");
        return placement.with(List.of(
                KueueWorkload.ofFlavor("spot", resource("""
                spec: {nodeLabels: {pool: spot}, tolerations: [{key: spot, operator: Exists, effect: NoSchedule}]}
                """)), KueueWorkload.ofFlavor("h100", resource("spec: {}"))));
    }

    @Test
    void aPodGetsWhatFlavorsAndChecksAskFor() {
        Pod pod = pod("zone: a");
        AdmittedPodSet.withoutQueueLabel(pod);
        assertThat(placement().addTo(pod)).isEmpty();
        assertThat(pod.getSpec().getNodeSelector())
                .containsOnly(entry("zone", "a"), entry("pool", "spot"), entry("class", "reserved"));
        assertThat(pod.getSpec().getTolerations()).extracting(t -> t.getKey()).containsExactly("reserved", "spot");
        assertThat(pod.getMetadata().getLabels()).containsOnly(entry("reserved", "yes"), entry("swav.io/job", "job"));
        assertThat(pod.getMetadata().getAnnotations())
                .containsEntry("autoscaling.x-k8s.io/consume-provisioning-request", "p");
    }

    private static Map.Entry<String, String> entry(String key, String value) {
        return Map.entry(key, value);
    }

    @Test
    void aPodThatContradictsIsNotChangedQuietly() {
        assertThat(placement().addTo(pod("pool: on-demand")))
                .hasValue("ResourceFlavor spot asks for nodeSelector pool=spot, but the pod has on-demand");
        assertThat(placement().addTo(pod("pool: spot"))).isEmpty();
    }
}
