package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Affinity;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.WeightedPodAffinityTerm;
import io.swav.api.ResourceNames;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Pods of a job prefer one zone, unless the template places them. */
class ZonePolicyTest {
    private static final String CONTAINERS = "containers: [{name: trainer}]";

    private static Pod pod(String spec, String podSpec) {
        return TrainerPod.of(Jobs.job("replicas: 2" + spec), template(podSpec), "job-0");
    }

    private static JsonNode template(String podSpec) {
        return Jobs.yaml("{spec: {" + podSpec + CONTAINERS + "}}");
    }

    private static @Nullable Affinity affinity(String spec, String podSpec) {
        return pod(spec, podSpec).getSpec().getAffinity();
    }

    @Test
    void prefersTheZoneOfTheJobsOtherPods() {
        for (String spec : List.of("", ", scheduling: {}", ", scheduling: {zone: PreferSame}")) {
            Affinity affinity = Objects.requireNonNull(affinity(spec, ""));
            assertThat(affinity.getPodAffinity().getRequiredDuringSchedulingIgnoredDuringExecution())
                    .as("never blocks")
                    .isEmpty();
            assertThat(affinity.getNodeAffinity()).isNull();
            assertThat(affinity.getPodAntiAffinity()).isNull();
            List<WeightedPodAffinityTerm> terms =
                    affinity.getPodAffinity().getPreferredDuringSchedulingIgnoredDuringExecution();
            assertThat(terms).hasSize(1);
            assertThat(terms.get(0).getPodAffinityTerm().getTopologyKey()).isEqualTo("topology.kubernetes.io/zone");
            assertThat(terms.get(0).getPodAffinityTerm().getLabelSelector().getMatchLabels())
                    .isEqualTo(Map.of(ResourceNames.LABEL_JOB, "job"));
        }
    }

    @Test
    void leavesATemplateAloneThatPlacesItsPods() {
        String spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone,"
                + " whenUnsatisfiable: DoNotSchedule}], ";
        String node = "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms:"
                + " [{matchExpressions: [{key: gpu, operator: Exists}]}]}}}, ";
        for (String own : List.of(spread, node, spread + node, "affinity: {}, ")) {
            assertThat(affinity("", own)).as(own).isEqualTo(affinity(", scheduling: {zone: Any}", own));
        }
        assertThat(affinity("", "affinity: null, topologySpreadConstraints: [], "))
                .as("as in Kubernetes, null and an empty list are nothing")
                .isNotNull();
    }

    @Test
    void canBeTurnedOff() {
        assertThat(affinity(", scheduling: {zone: Any}", "")).isNull();
    }

    @Test
    void isNoChangeOfTheTemplate() {
        assertThat(pod("", "").getMetadata().getLabels())
                .as("or an update of the operator would replace all running pods")
                .isEqualTo(pod(", scheduling: {zone: Any}", "").getMetadata().getLabels())
                .containsEntry(ResourceNames.LABEL_REVISION, TrainerPod.revision(template("")));
    }

    @Test
    void staysBesideTheNodesThatAreAvoided() {
        Pod pod = pod("", "");
        Affinity before = pod.getSpec().getAffinity();
        AvoidedNodes.keepOff(pod, Set.of("node-1"), false, List.of());
        assertThat(pod.getSpec().getAffinity().getPodAffinity()).isEqualTo(before.getPodAffinity());
        assertThat(pod.getSpec().getAffinity().getNodeAffinity()).isNotNull();
    }
}
