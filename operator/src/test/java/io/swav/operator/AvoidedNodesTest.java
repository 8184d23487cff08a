package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeSelectorRequirement;
import io.fabric8.kubernetes.api.model.NodeSelectorTerm;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The affinity that is added to pods of jobs that avoid nodes. */
class AvoidedNodesTest {
    private static final Node BAD = node("bad, labels: {kubernetes.io/hostname: bad.local}", "{}");
    private static final Node GOOD = node("good", "{}");

    @Test
    void aPodMustKeepOffTheHostNamesOfTheNodes() {
        Pod pod = keptOff("", Set.of("bad", "gone"), true, BAD, GOOD);
        assertThat(requiredTerms(pod))
                .containsExactly(new NodeSelectorTerm(List.of(others("bad.local", "gone")), List.of()));
        assertThat(AvoidedNodes.isKeptOff(pod)).isTrue();
        assertThat(pod.getMetadata().getAnnotations())
                .containsEntry("swav.io/kept-off-nodes", "bad,gone")
                .containsEntry("theirs", "stays");
    }

    /** The terms of a template are alternatives, so each of them needs the requirement. */
    @Test
    void everyTermOfTheTemplateGetsItAndTheRestStays() {
        Pod pod = keptOff("""
                affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]},
                  nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 3, preference: {matchExpressions: [{key: c, operator: Exists}]}}],
                  requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
                    {matchExpressions: [{key: a, operator: In, values: [x]}]},
                    {matchFields: [{key: metadata.name, operator: NotIn, values: [y]}]}]}}}
                """, Set.of("bad"), true, BAD, GOOD);
        assertThat(requiredTerms(pod))
                .hasSize(2)
                .allSatisfy(term -> assertThat(term.getMatchExpressions()).contains(others("bad.local")));
        assertThat(requiredTerms(pod).get(0).getMatchExpressions())
                .contains(new NodeSelectorRequirement("a", "In", List.of("x")));
        assertThat(requiredTerms(pod).get(1).getMatchFields()).hasSize(1);
        assertThat(pod.getSpec().getAffinity().getPodAffinity()).isNotNull();
        assertThat(pod.getSpec().getAffinity().getNodeAffinity().getPreferredDuringSchedulingIgnoredDuringExecution())
                .hasSize(1);
    }

    @Test
    void aPodOnlyPrefersOtherNodesOnceNoneHasTakenOne() {
        Pod pod = keptOff("", Set.of("bad"), false, BAD, GOOD);
        assertPrefers(pod);
    }

    /** Otherwise a job on such a cluster would not go on. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "name: bad",
                "name: cordoned} , spec: {unschedulable: true",
                "name: silent} , status: {conditions: [{type: Ready, status: Unknown}]",
                "name: control-plane} , spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]",
                "name: valued} , spec: {taints: [{key: gpu, value: a100, effect: NoSchedule}]",
                "name: cpu, labels: {pool: cpu}"
            })
    void aPodOnlyPrefersOtherNodesIfNoneCouldTakeIt(String other) {
        Node node = Serialization.unmarshal("---\n{metadata: {" + other + "}}", Node.class);
        assertPrefers(keptOff(
                "nodeSelector: {pool: gpu}, tolerations: [{key: gpu, value: h200, effect: NoSchedule}],",
                Set.of("bad"),
                true,
                BAD,
                node));
        assertPrefers(keptOff("", Set.of("bad"), true));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{key: gpu, operator: Exists}",
                "{operator: Exists}",
                "{key: gpu, value: h200}",
                "{key: gpu, operator: Equal, value: h200, effect: NoSchedule}"
            })
    void aNodeWhoseTaintsThePodToleratesCouldTakeIt(String toleration) {
        Node tainted = node(
                "good",
                "{taints: [{key: gpu, value: h200, effect: NoSchedule}, {key: soft, effect: PreferNoSchedule}]}");
        Pod pod = keptOff("tolerations: [" + toleration + "],", Set.of("bad"), true, BAD, tainted);
        assertThat(AvoidedNodes.isKeptOff(pod)).isTrue();
    }

    @Test
    void nothingIsAddedIfNoNodeIsAvoided() {
        Pod pod = keptOff("", Set.of(), true, BAD, GOOD);
        assertThat(pod).isEqualTo(pod(""));
        assertThat(AvoidedNodes.isKeptOff(pod)).isFalse();
    }

    private static void assertPrefers(Pod pod) {
        assertThat(AvoidedNodes.isKeptOff(pod)).isFalse();
        assertThat(pod.getSpec().getAffinity().getNodeAffinity().getRequiredDuringSchedulingIgnoredDuringExecution())
                .isNull();
        assertThat(pod.getSpec().getAffinity().getNodeAffinity().getPreferredDuringSchedulingIgnoredDuringExecution())
                .singleElement()
                .satisfies(term -> {
                    assertThat(term.getWeight()).isEqualTo(100);
                    assertThat(term.getPreference().getMatchExpressions())
                            .extracting(NodeSelectorRequirement::getOperator)
                            .containsExactly("NotIn");
                });
    }

    private static NodeSelectorRequirement others(String... hostnames) {
        return new NodeSelectorRequirement("kubernetes.io/hostname", "NotIn", List.of(hostnames));
    }

    private static List<NodeSelectorTerm> requiredTerms(Pod pod) {
        return pod.getSpec()
                .getAffinity()
                .getNodeAffinity()
                .getRequiredDuringSchedulingIgnoredDuringExecution()
                .getNodeSelectorTerms();
    }

    private static Pod keptOff(String spec, Set<String> avoided, boolean strict, Node... nodes) {
        Pod pod = pod(spec);
        AvoidedNodes.keepOff(pod, avoided, strict, List.of(nodes));
        return pod;
    }

    private static Pod pod(String spec) {
        return Serialization.unmarshal("""
                ---
                {metadata: {name: job-0, annotations: {theirs: stays}},
                 spec: {%s}}
                """.formatted(spec.isBlank() ? "containers: []" : spec), Pod.class);
    }

    private static Node node(String metadata, String spec) {
        return Serialization.unmarshal("---\n{metadata: {name: " + metadata + "}, spec: " + spec + "}", Node.class);
    }
}
