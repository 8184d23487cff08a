package io.swav.operator;

import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The ConfigMaps into which the trainers of a job report: {@code <job>-progress}, and for more than twenty-five pods {@code
 * <job>-progress-1} and so on. What a report costs the API server grows with the object, in which each pod is a manager of
 * its own field: 3 ms of processor time for one report, 10 for a hundred, 350 for a thousand.
 */
final class ProgressMaps {
    /** The number of pods for which there is a map. */
    static final int PODS_OF_A_MAP = 25;

    /** Trainers of a job with more pods than fit share these. */
    private static final int MOST = 400;

    private ProgressMaps() {}

    /** Returns the number of maps that pods of this spec are divided among. */
    static int count(SwavJobSpec spec) {
        long pods = 0L + spec.replicas() + spec.elastic().spares();
        return (int) Math.max(1, Math.min(MOST, (pods + PODS_OF_A_MAP - 1) / PODS_OF_A_MAP));
    }

    /** Returns the map of a pod that is about to be created. */
    static String forNew(SwavJob job, String pod) {
        String digits = pod.substring(pod.lastIndexOf('-') + 1);
        long number = digits.matches("\\d{1,18}") ? Long.parseLong(digits) : 0;
        return name(job, (int) (number % count(job.getSpec())));
    }

    /** Returns the map of a pod, which its trainer reads in its environment. */
    static String of(SwavJob job, Pod pod) {
        return name(job, index(job, pod));
    }

    /** Returns the maps of a job with these pods, {@code <job>-progress} first: those of its spec, and those of its pods. */
    static List<String> all(SwavJob job, Optional<SwavJobSpec> spec, Collection<Pod> pods) {
        int ofSpec = spec.map(ProgressMaps::count).orElse(1);
        int ofPods = pods.stream().mapToInt(pod -> index(job, pod)).max().orElse(0) + 1;
        return IntStream.range(0, Math.max(ofSpec, ofPods))
                .mapToObj(index -> name(job, index))
                .toList();
    }

    /** Ignores a name of any other form, which a template may have set: trainers are given no other object. */
    private static int index(SwavJob job, Pod pod) {
        String prefix = name(job, 0) + "-";
        return Stream.ofNullable(pod.getSpec())
                .flatMap(spec -> spec.getContainers().stream())
                .flatMap(container -> container.getEnv().stream())
                .filter(variable -> TrainerEnv.PROGRESS.equals(variable.getName()))
                .map(EnvVar::getValue)
                .filter(name -> name != null && name.startsWith(prefix))
                .map(name -> name.substring(prefix.length()))
                .filter(index -> index.matches("[1-9]\\d{0,2}"))
                .map(Integer::valueOf)
                .max(Comparator.naturalOrder())
                .orElse(0);
    }

    private static String name(SwavJob job, int index) {
        return ResourceNames.progressName(job.getMetadata().getName(), index);
    }
}
