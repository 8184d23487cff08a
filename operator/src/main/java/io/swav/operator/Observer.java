package io.swav.operator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.swav.api.Contract;
import io.swav.api.PodReport;
import io.swav.api.SpecRules;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.plan.PodSeen;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the informers' caches into a {@link Snapshot}. The API server is asked one thing: whether a member's pod is gone
 * that no cache has. After a start its pods may be of an earlier time than the world (a list from an API server's cache).
 */
final class Observer {
    private static final Logger LOG = LoggerFactory.getLogger(Observer.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Pods, and their label values, are named after the job. */
    private static final int LONGEST_NAME = 52;

    private final Function<ResourceID, Optional<ConfigMap>> maps;
    private final Function<ResourceID, Optional<Node>> nodes;
    private final Function<ResourceID, Optional<Pod>> livePods;
    private final Hearing hearing;

    /** @param livePods as the API server has them now */
    Observer(
            Function<ResourceID, Optional<ConfigMap>> maps,
            Function<ResourceID, Optional<Node>> nodes,
            Function<ResourceID, Optional<Pod>> livePods,
            Hearing hearing) {
        this.maps = maps;
        this.nodes = nodes;
        this.livePods = livePods;
        this.hearing = hearing;
    }

    /** @throws io.fabric8.kubernetes.client.KubernetesClientException when the API server is asked and does not answer */
    Snapshot observe(SwavJob job, Collection<Pod> allPods, Instant now) {
        return observe(
                job, allPods, map(job, Contract.progressName(job.getMetadata().getName())), now);
    }

    /** @param progress the map of the trainers' reports, where it is known better than from the cache */
    Snapshot observe(SwavJob job, Collection<Pod> allPods, Optional<ConfigMap> progress, Instant now) {
        String name = job.getMetadata().getName();
        Map<String, PodReport> everyReport = reports(progress);
        List<PodSeen> pods = new ArrayList<>();
        Map<String, PodReport> reports = new HashMap<>();
        Map<String, Duration> silence = hearing.listen(job.getMetadata().getUid(), everyReport.values(), now);
        WorldMap worldMap = WorldMap.read(job, map(job, Contract.worldName(name)));
        List<Pod> own = new ArrayList<>(
                allPods.stream().filter(pod -> isOwnedBy(pod, job)).toList());
        own.addAll(unseen(worldMap.world(), own, job.getMetadata().getNamespace()));
        for (Pod pod : own) {
            String podName = pod.getMetadata().getName();
            Optional<PodReport> report = Optional.ofNullable(everyReport.get(podName));
            report.ifPresent(r -> reports.put(podName, r));
            Optional<Node> node = Optional.ofNullable(pod.getSpec().getNodeName())
                    .flatMap(nodeName -> nodes.apply(new ResourceID(nodeName)));
            pods.add(PodObserver.see(
                    pod,
                    node,
                    report,
                    Optional.ofNullable(silence.get(pod.getMetadata().getUid()))));
        }
        Optional<SwavJobSpec> before = map(job, Contract.configName(name))
                .filter(config -> isOwnedBy(config, job))
                .map(config -> config.getData().get(Contract.CONFIG_KEY))
                .flatMap(config -> parse(config, SwavJobSpec.class));
        List<String> problems = problems(job, before);
        return new Snapshot(
                job,
                problems.isEmpty() ? Optional.of(job.getSpec()) : before,
                problems,
                worldMap,
                pods,
                reports,
                progress);
    }

    private List<Pod> unseen(World world, List<Pod> pods, String namespace) {
        Set<String> uids = pods.stream().map(pod -> pod.getMetadata().getUid()).collect(Collectors.toSet());
        return world.members().stream()
                .filter(member -> !uids.contains(member.uid()))
                .flatMap(member -> livePods
                        .apply(new ResourceID(member.pod(), namespace))
                        .filter(pod -> pod.getMetadata().getUid().equals(member.uid()))
                        .stream())
                .toList();
    }

    private static List<String> problems(SwavJob job, Optional<SwavJobSpec> before) {
        SwavJobSpec spec = job.getSpec();
        if (spec == null) {
            return List.of("spec is missing");
        }
        List<String> problems = new ArrayList<>(SpecRules.broken(spec));
        before.ifPresent(accepted -> problems.addAll(SpecRules.changed(accepted, spec)));
        TrainerPod.problem(spec.template()).ifPresent(problems::add);
        if (spec.assignment().mode().equals("Queue")) {
            problems.add("spec.assignment.mode Queue is not available yet: use QueueFree");
        }
        if (job.getMetadata().getName().length() > LONGEST_NAME) {
            problems.add("metadata.name is longer than " + LONGEST_NAME + " characters: pods are named after it");
        }
        return problems;
    }

    private Optional<ConfigMap> map(SwavJob job, String name) {
        return maps.apply(new ResourceID(name, job.getMetadata().getNamespace()));
    }

    private static Map<String, PodReport> reports(Optional<ConfigMap> progress) {
        Map<String, PodReport> reports = new HashMap<>();
        progress.map(ConfigMap::getData)
                .orElse(Map.of())
                .forEach((pod, json) -> parse(json, PodReport.class).ifPresent(report -> reports.put(pod, report)));
        return reports;
    }

    private static <T> Optional<T> parse(String json, Class<T> type) {
        try {
            return Optional.of(JSON.readValue(json, type));
        } catch (JsonProcessingException e) {
            LOG.warn("not a {}: {}", type.getSimpleName(), e.getOriginalMessage());
            return Optional.empty();
        }
    }

    private static boolean isOwnedBy(HasMetadata object, SwavJob job) {
        String uid = job.getMetadata().getUid();
        return object.getMetadata().getOwnerReferences().stream()
                .anyMatch(owner -> owner.getUid().equals(uid));
    }
}
