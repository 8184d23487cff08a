package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.swav.api.SwavJob;
import io.swav.api.TrainerEnv;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProgressMapsTest {
    private final SwavJob small = Jobs.job("replicas: 23, elastic: {spares: 2}, training: {globalBatch: 6400}");
    private final SwavJob large = Jobs.job("replicas: 1000, training: {globalBatch: 64000}");

    @Test
    void aJobOfAtMostTwentyFivePodsHasOneMapOfWhichItsTrainersKnow() {
        assertThat(ProgressMaps.all(small, Optional.of(small.getSpec()), List.of()))
                .containsExactly("job-progress");
        assertThat(ProgressMaps.of(small, pod(small, "job-7"))).isEqualTo("job-progress");
        assertThat(variables(pod(small, "job-7"))).doesNotContainKey(TrainerEnv.PROGRESS);
    }

    @Test
    void theTrainersOfALargeJobAreDividedEvenly() {
        List<String> maps = ProgressMaps.all(large, Optional.of(large.getSpec()), List.of());
        assertThat(maps)
                .hasSize(40)
                .startsWith("job-progress", "job-progress-1")
                .endsWith("job-progress-39");
        Map<String, Integer> pods = new HashMap<>();
        for (int i = 340; i < 1340; i++) {
            Pod pod = pod(large, "job-" + i);
            pods.merge(ProgressMaps.of(large, pod), 1, Integer::sum);
            assertThat(variables(pod).getOrDefault(TrainerEnv.PROGRESS, "job-progress"))
                    .isEqualTo(ProgressMaps.of(large, pod));
        }
        assertThat(pods.keySet()).containsExactlyInAnyOrderElementsOf(maps);
        assertThat(pods.values()).allMatch(count -> count == ProgressMaps.PODS_OF_A_MAP);
    }

    @Test
    void theMapOfAPodStaysWhenTheJobIsMadeSmaller() {
        Pod pod = pod(large, "job-12");
        assertThat(ProgressMaps.of(small, pod)).isEqualTo("job-progress-12");
        assertThat(ProgressMaps.all(small, Optional.of(small.getSpec()), List.of(pod)))
                .hasSize(13)
                .contains("job-progress-12");
    }

    /** The Role of the trainers grants what is named here. */
    @Test
    void aTemplateCannotNameAnotherObject() {
        for (String name : new String[] {
            "other",
            "job-world",
            "job-progress-",
            "job-progress-x",
            "job-progress-01",
            "job-progress-1000",
            "xjob-progress-1"
        }) {
            Pod pod = new PodBuilder()
                    .withNewSpec()
                    .addNewContainer()
                    .addNewEnv()
                    .withName(TrainerEnv.PROGRESS)
                    .withValue(name)
                    .endEnv()
                    .endContainer()
                    .endSpec()
                    .build();
            assertThat(ProgressMaps.all(small, Optional.of(small.getSpec()), List.of(pod)))
                    .as(name)
                    .containsExactly("job-progress");
        }
    }

    private static Pod pod(SwavJob job, String name) {
        return TrainerPod.of(job, Objects.requireNonNull(job.getSpec().template()), name);
    }

    private static Map<String, String> variables(Pod pod) {
        Map<String, String> values = new HashMap<>();
        pod.getSpec().getContainers().get(0).getEnv().forEach(each -> values.put(each.getName(), each.getValue()));
        return values;
    }
}
