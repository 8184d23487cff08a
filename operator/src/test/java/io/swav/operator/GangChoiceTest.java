package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ResourceNames;
import io.swav.api.SchedulingSpec.GangScheduler;
import io.swav.api.SwavJob;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which group pods belong to, for everything that may be asked for, served and there. */
class GangChoiceTest {
    private static final String GROUP = "job-trainer";
    private final SwavJob job = Jobs.job("replicas: 4, elastic: {minReplicas: 3}");

    private final Map<Optional<GangApi>, Pod> known = new HashMap<>();

    private Pod pod(@Nullable GangApi marked) {
        Pod pod = TrainerPod.of(job, Objects.requireNonNull(job.getSpec().template()), "job-0");
        if (marked != null) {
            marked.mark(pod, GROUP);
        }
        return Serialization.unmarshal(Serialization.asYaml(pod), Pod.class); // as the API server returns it
    }

    private Pod known(@Nullable GangApi marked) {
        return known.computeIfAbsent(Optional.ofNullable(marked), api -> pod(api.orElse(null)));
    }

    private static Set<Set<GangApi>> subsets() {
        Set<Set<GangApi>> all = new HashSet<>(Set.of(Set.of()));
        for (GangApi api : GangApi.values()) {
            for (Set<GangApi> without : List.copyOf(all)) {
                Set<GangApi> with = new HashSet<>(without);
                with.add(api);
                all.add(with);
            }
        }
        return all;
    }

    @Test
    void neverLeavesPodsInTwoGroupsOrSomeInNone() {
        List<GangApi> marks = new ArrayList<>(List.of(GangApi.values()));
        marks.add(null);
        int cases = 0;
        for (GangScheduler asked : GangScheduler.values()) {
            for (Set<GangApi> serving : subsets()) {
                for (GangApi first : marks) {
                    for (GangApi second : marks) {
                        for (int count = 0; count < 3; count++) {
                            cases++;
                            List<Pod> pods =
                                    List.of(known(first), known(second)).subList(0, count);
                            List<GangApi> there = new ArrayList<>();
                            there.add(first);
                            there.add(second);
                            check(asked, serving, pods, there.subList(0, count));
                        }
                    }
                }
            }
        }
        assertThat(cases).isEqualTo(5 * 8 * 4 * 4 * 3);
    }

    private void check(GangScheduler asked, Set<GangApi> serving, List<Pod> pods, List<@Nullable GangApi> marks) {
        Map<GangApi, String> served = new EnumMap<>(GangApi.class);
        serving.forEach(api -> served.put(api, "v1"));
        GangChoice choice = GangChoice.of(job, asked, 3, served, pods);
        String where = asked + " " + serving + " " + marks;
        boolean none = asked == GangScheduler.None;
        if (choice instanceof GangChoice.OfGroup group) {
            assertThat(serving).as(where).contains(group.api());
            assertThat(group.min()).as(where).isEqualTo(none ? 1 : 3);
            assertThat(group.marks())
                    .as(where)
                    .isEqualTo(!none && marks.stream().allMatch(group.api()::equals));
            if (marks.stream().allMatch(Objects::isNull)) {
                assertThat(group.api().is(asked)).as(where).isTrue();
                assertThat(group.isFixed()).as(where).isFalse();
            } else {
                assertThat(marks).as(where).contains(group.api());
            }
        } else if (choice instanceof GangChoice.Unserved unserved) {
            assertThat(none).as(where + ": None is the way out").isFalse();
            assertThat(unserved.why())
                    .as(where)
                    .contains("spec.scheduling.gang " + asked, "does not serve podgroups.", "Install", "None");
            assertThat(serving)
                    .as(where + ": what it names is not served")
                    .noneMatch(api -> unserved.why().contains("podgroups." + api.group() + " "));
        } else {
            assertThat(none).as(where).isTrue();
        }
        if (none && marks.stream().allMatch(Objects::isNull)) {
            assertThat(choice).as(where).isInstanceOf(GangChoice.NoGroup.class);
        }
    }

    @Test
    void aTemplateOfVolcanosSchedulerGetsVolcanosGroup() {
        SwavJob volcanos = Jobs.job("replicas: 2");
        Map<GangApi, String> all = Map.of(
                GangApi.KUBERNETES, "v1beta1", GangApi.SCHEDULER_PLUGINS, "v1alpha1", GangApi.VOLCANO, "v1beta1");
        assertThat(GangChoice.of(volcanos, GangScheduler.Auto, 1, all, List.of()))
                .isEqualTo(new GangChoice.OfGroup(GangApi.KUBERNETES, "v1beta1", 1, true, false));
        SwavJob named = Serialization.clone(volcanos);
        ((ObjectNode) Objects.requireNonNull(named.getSpec().template()).path("spec")).put("schedulerName", "volcano");
        assertThat(GangChoice.of(named, GangScheduler.Auto, 1, all, List.of()))
                .isEqualTo(new GangChoice.OfGroup(GangApi.VOLCANO, "v1beta1", 1, true, false));
        assertThat(GangChoice.of(
                        named, GangScheduler.Auto, 1, Map.of(GangApi.SCHEDULER_PLUGINS, "v1alpha1"), List.of()))
                .isInstanceOfSatisfying(
                        GangChoice.Unserved.class,
                        unserved -> assertThat(unserved.why())
                                .contains("podgroups.scheduling.volcano.sh (v1beta1)")
                                .doesNotContain("scheduling.x-k8s.io"));
    }

    @Test
    void marksPodsAsEachSchedulerReadsThem() {
        for (GangApi api : GangApi.values()) {
            Pod pod = pod(api);
            assertThat(api.groupOf(pod)).as(api.name()).contains(GROUP);
            assertThat(api.groupOf(pod(null))).as(api.name()).isEqualTo(Optional.empty());
            assertThat(pod.getMetadata().getLabels()).containsKey(ResourceNames.LABEL_JOB);
        }
        String kubernetes = Serialization.asYaml(pod(GangApi.KUBERNETES));
        assertThat(kubernetes).contains("schedulingGroup:\n    podGroupName: \"job-trainer\"");
        assertThat(pod(GangApi.SCHEDULER_PLUGINS).getMetadata().getLabels())
                .containsEntry("scheduling.x-k8s.io/pod-group", GROUP);
        assertThat(pod(GangApi.SCHEDULER_PLUGINS).getSpec().getSchedulerName()).isNull();
        assertThat(pod(GangApi.VOLCANO).getMetadata().getAnnotations())
                .containsEntry("scheduling.k8s.io/group-name", GROUP);
        assertThat(pod(GangApi.VOLCANO).getSpec().getSchedulerName()).isEqualTo("volcano");
    }
}
