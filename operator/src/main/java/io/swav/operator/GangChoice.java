package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.ResourceNames;
import io.swav.api.SchedulingSpec.GangScheduler;
import io.swav.api.SwavJob;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Decides, as a pure function of what is asked for, served and there, to which group of which scheduler's API the pods of a
 * job belong. A group holds back pods until enough of them exist, so the pods of a job are never in two groups, or some in
 * one and some in none: while pods of a job live, later ones do as those.
 */
sealed interface GangChoice {
    /** Pods belong to no group. */
    record NoGroup() implements GangChoice {}

    /**
     * The job has a PodGroup.
     *
     * @param version of the API
     * @param min pods that have to have a node at once
     * @param marks whether new pods belong to it
     * @param isFixed whether its numbers are not to be changed, because pods of it live and the API lets nobody do so
     */
    record OfGroup(GangApi api, String version, int min, boolean marks, boolean isFixed) implements GangChoice {}

    /** The API is not served. */
    record Unserved(String why) implements GangChoice {}

    /**
     * Decides.
     *
     * @param asked by the accepted spec
     * @param min {@code elastic.minReplicas}
     * @param served the version of each API that the API server has
     * @param pods of the job that have neither ended nor are being deleted
     */
    static GangChoice of(SwavJob job, GangScheduler asked, int min, Map<GangApi, String> served, Collection<Pod> pods) {
        Optional<GangApi> present = of(job, pods);
        if (asked == GangScheduler.None && present.isEmpty()) {
            return new NoGroup();
        }
        List<GangApi> fit = present.map(List::of).orElseGet(() -> fitting(job, asked));
        Optional<GangApi> api = fit.stream().filter(served::containsKey).findFirst();
        if (api.isEmpty()) {
            return asked == GangScheduler.None ? new NoGroup() : new Unserved(unserved(asked, fit));
        }
        GangApi chosen = api.get();
        boolean asksNone = asked == GangScheduler.None;
        boolean allMarked = pods.stream().allMatch(pod -> isIn(chosen, job, pod));
        return new OfGroup(
                chosen,
                Objects.requireNonNull(served.get(chosen)),
                asksNone ? 1 : min, // so that it holds back none of those that wait
                allMarked && !asksNone,
                chosen == GangApi.KUBERNETES && present.isPresent());
    }

    /** Returns the API in whose group of this job one of its pods is. */
    static Optional<GangApi> of(SwavJob job, Collection<Pod> pods) {
        return Stream.of(GangApi.values())
                .filter(api -> pods.stream().anyMatch(pod -> isIn(api, job, pod)))
                .findFirst();
    }

    private static boolean isIn(GangApi api, SwavJob job, Pod pod) {
        return api.groupOf(pod)
                .filter(ResourceNames.podGroupName(job.getMetadata().getName())::equals)
                .isPresent();
    }

    /** Returns the APIs that are asked for; a template that names Volcano's scheduler has no use for another's group. */
    private static List<GangApi> fitting(SwavJob job, GangScheduler asked) {
        JsonNode template = job.getSpec().template();
        boolean isVolcanos = template != null
                && GangApi.VOLCANO_SCHEDULER.equals(
                        template.path("spec").path("schedulerName").asText());
        return asked == GangScheduler.Auto && isVolcanos
                ? List.of(GangApi.VOLCANO)
                : Stream.of(GangApi.values()).filter(api -> api.is(asked)).toList();
    }

    private static String unserved(GangScheduler asked, List<GangApi> fit) {
        String missing = fit.stream()
                .map(one -> GangApi.PLURAL + "." + one.group() + " (" + String.join(", ", one.versions()) + ")")
                .collect(Collectors.joining(", "));
        return "spec.scheduling.gang " + asked
                + " needs a scheduler that starts pods together, but the API server does not"
                + " serve " + missing + ". No pods are created, and trainers that run train on. Install Volcano or"
                + " scheduler-plugins with Coscheduling, enable the feature gates GenericWorkload and GangScheduling of"
                + " Kubernetes 1.36 or newer, or set spec.scheduling.gang to None: pods then start one by one";
    }
}
