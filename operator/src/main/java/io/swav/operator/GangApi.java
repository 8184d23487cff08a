package io.swav.operator;

import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.SchedulingSpec.GangScheduler;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The APIs of schedulers that start a group of pods together or not at all. Each has an object PodGroup, which says how many
 * pods have to have a node at once, and a mark on the pods that belong to it. In all of them the pods beyond that number are
 * scheduled one by one.
 */
enum GangApi {
    /**
     * Kubernetes' own, from 1.36 on behind the feature gates GenericWorkload and GangScheduling (KEP-4671 and KEP-5832; docs
     * "PodGroup API" and "Scheduling Group"). The least number of pods cannot be changed in v1alpha2.
     */
    KUBERNETES("scheduling.k8s.io", "v1beta1 v1alpha3 v1alpha2", GangScheduler.Kubernetes) {
        @Override
        Map<String, Object> spec(int min) {
            return Map.of("schedulingPolicy", Map.of("gang", Map.of("minCount", min)));
        }

        @Override
        void mark(Pod pod, String group) {
            pod.getSpec().setAdditionalProperty(SCHEDULING_GROUP, Map.of(POD_GROUP_NAME, group));
        }

        @Override
        Optional<String> groupOf(Pod pod) {
            return Optional.ofNullable(pod.getSpec().getAdditionalProperties().get(SCHEDULING_GROUP))
                    .filter(Map.class::isInstance)
                    .map(group -> ((Map<?, ?>) group).get(POD_GROUP_NAME))
                    .map(Object::toString);
        }
    },
    /** The plugin Coscheduling of kubernetes-sigs/scheduler-plugins. */
    SCHEDULER_PLUGINS("scheduling.x-k8s.io", "v1alpha1", GangScheduler.SchedulerPlugins) {
        @Override
        void mark(Pod pod, String group) {
            pod.getMetadata().setLabels(with(pod.getMetadata().getLabels(), COSCHEDULING_LABEL, group));
        }

        @Override
        Optional<String> groupOf(Pod pod) {
            return Optional.ofNullable(pod.getMetadata().getLabels()).map(labels -> labels.get(COSCHEDULING_LABEL));
        }
    },
    /** Volcano, a scheduler beside that of Kubernetes, so that its pods have to name it. */
    VOLCANO("scheduling.volcano.sh", "v1beta1", GangScheduler.Volcano) {
        @Override
        void mark(Pod pod, String group) {
            ObjectMeta meta = pod.getMetadata();
            meta.setAnnotations(with(meta.getAnnotations(), VOLCANO_ANNOTATION, group));
            if (pod.getSpec().getSchedulerName() == null) {
                pod.getSpec().setSchedulerName(VOLCANO_SCHEDULER);
            }
        }

        @Override
        Optional<String> groupOf(Pod pod) {
            return Optional.ofNullable(pod.getMetadata().getAnnotations()).map(all -> all.get(VOLCANO_ANNOTATION));
        }
    };

    static final String KIND = "PodGroup";
    static final String PLURAL = "podgroups";
    static final String VOLCANO_SCHEDULER = "volcano";
    private static final String SCHEDULING_GROUP = "schedulingGroup";
    private static final String POD_GROUP_NAME = "podGroupName";
    private static final String COSCHEDULING_LABEL = "scheduling.x-k8s.io/pod-group";
    private static final String VOLCANO_ANNOTATION = "scheduling.k8s.io/group-name";

    private final String group;
    private final String versions;
    private final GangScheduler wanted;

    GangApi(String group, String versions, GangScheduler wanted) {
        this.group = group;
        this.versions = versions;
        this.wanted = wanted;
    }

    String group() {
        return group;
    }

    /** Returns the versions whose PodGroup has the fields that are written here, the newest first. */
    List<String> versions() {
        return List.of(versions.split(" "));
    }

    /** Whether the spec asks for this API, by name or for any. */
    boolean is(GangScheduler asked) {
        return asked == wanted || asked == GangScheduler.Auto;
    }

    /** Returns the spec of a PodGroup of which {@code min} pods have to have a node at once. */
    Map<String, Object> spec(int min) {
        return Map.of("minMember", min);
    }

    /** Marks a pod that is about to be created as one of this group. */
    abstract void mark(Pod pod, String group);

    /** Returns the group that a pod belongs to; empty if to none. */
    abstract Optional<String> groupOf(Pod pod);

    private static Map<String, String> with(@Nullable Map<String, String> before, String key, String value) {
        Map<String, String> all = new TreeMap<>(before == null ? Map.of() : before);
        all.put(key, value);
        return all;
    }
}
