package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import java.util.Objects;

/** How the pods are placed. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SchedulingSpec(
        @JsonPropertyDescription(
                "PreferSame (default): pods prefer the zone (label topology.kubernetes.io/zone of nodes) in"
                        + " which the job's other pods are, because every step sends gradients between them, and traffic between"
                        + " zones is slower and costs money. It is a preference: if that zone has no room, pods run in another."
                        + " A template with an affinity or topologySpreadConstraints of its own is left as it is."
                        + " Any: no preference.")
        @Default("PreferSame")
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        ZonePolicy zone,

        @JsonPropertyDescription(
                "Whether elastic.minReplicas pods get nodes together or not at all, so that no job occupies"
                        + " nodes with fewer than it can train with; later pods start one by one. None (default): no. Auto: by"
                        + " the first API that the cluster has of the following, Volcano's if the template names its"
                        + " scheduler. Kubernetes: PodGroup of scheduling.k8s.io, an alpha feature of 1.36. SchedulerPlugins:"
                        + " Coscheduling of kubernetes-sigs/scheduler-plugins. Volcano: Volcano, to whose scheduler pods then"
                        + " go unless the template names another. The operator keeps PodGroup <job>-trainer. If the API is not"
                        + " there, the job is Stalled with reason GangUnavailable. Pods that run keep the group, or none, that"
                        + " they started with, and so do those that join them.")
        @Default("None")
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        GangScheduler gang) {
    public SchedulingSpec {
        zone = Objects.requireNonNullElse(zone, ZonePolicy.PreferSame);
        gang = Objects.requireNonNullElse(gang, GangScheduler.None);
    }

    /** Which API makes a scheduler start pods together. */
    public enum GangScheduler {
        None,
        Auto,
        Kubernetes,
        SchedulerPlugins,
        Volcano
    }

    /** Whether the pods of a job prefer the zone of one another. */
    public enum ZonePolicy {
        PreferSame,
        Any
    }
}
