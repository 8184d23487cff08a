package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.planner.Reporting;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The informers of the jobs' pods and ConfigMaps and of all nodes, with the mapping of their events to jobs. */
final class Informers {
    /** Objects in one response to a list. A list of all at once would be held in memory as text, whatever its size. */
    static final long PAGE = 500;

    private static final String NODE_INDEX = "node";

    private final InformerEventSource<Pod, SwavJob> pods;
    private final InformerEventSource<ConfigMap, SwavJob> maps;
    private final InformerEventSource<Node, SwavJob> nodes;
    private final IndexerResourceCache<SwavJob> jobs;

    Informers(EventSourceContext<SwavJob> context) {
        jobs = context.getPrimaryCache();
        pods = ofJobs(Pod.class, context);
        maps = ofJobs(ConfigMap.class, context);
        pods.addIndexers(Map.of(
                NODE_INDEX,
                pod -> Optional.ofNullable(pod.getSpec().getNodeName()).stream().toList()));
        InformerEventSource<Pod, SwavJob> podsOnNodes = pods;
        nodes = new InformerEventSource<>(
                InformerEventSourceConfiguration.from(Node.class, SwavJob.class)
                        .withSecondaryToPrimaryMapper(node -> jobsOn(node, podsOnNodes))
                        .withOnUpdateFilter((node, before) -> NodeFacts.differ(before, node))
                        .withInformerListLimit(PAGE)
                        .withWatchAllNamespaces()
                        .build(),
                context);
    }

    private static <T extends HasMetadata> InformerEventSource<T, SwavJob> ofJobs(
            Class<T> type, EventSourceContext<SwavJob> context) {
        return new InformerEventSource<>(
                InformerEventSourceConfiguration.from(type, SwavJob.class)
                        .withLabelSelector(ResourceNames.LABEL_JOB)
                        .withSecondaryToPrimaryMapper(object -> Set.of(jobOf(object)))
                        .withInformerListLimit(PAGE)
                        .withNamespacesInheritedFromController()
                        .build(),
                context);
    }

    List<EventSource<?, SwavJob>> all() {
        return List.of(pods, maps, nodes);
    }

    /** Returns all watched jobs, with the status that the API server has. */
    List<SwavJob> jobs() {
        return jobs.list().toList();
    }

    SnapshotReader snapshotReader(KubernetesClient client, PodEvents events, ReportSilenceTracker silence) {
        return new SnapshotReader(
                maps::get,
                nodes::get,
                new SnapshotReader.Live() {
                    @Override
                    public Optional<Pod> pod(ResourceID id) {
                        return live(client.pods(), id);
                    }

                    @Override
                    public Optional<ConfigMap> map(ResourceID id) {
                        return live(client.configMaps(), id);
                    }

                    @Override
                    public PodHolds.Events events(Pod pod, Instant now) {
                        return events.of(pod, now);
                    }

                    @Override
                    public Reporting reporting(SwavJob job, List<TrainerAccess.SilentPod> silent) {
                        return TrainerAccess.check(client, job, silent);
                    }
                },
                silence);
    }

    private static <T> Optional<T> live(MixedOperation<T, ?, ? extends Resource<T>> resources, ResourceID id) {
        return Optional.ofNullable(resources
                .inNamespace(id.getNamespace().orElseThrow())
                .withName(id.getName())
                .get());
    }

    /** Adds a pod to the cache before the watch does, so that the next plan does not create it again. */
    void created(Pod pod) {
        pods.handleRecentResourceCreate(ResourceID.fromResource(pod), pod);
    }

    /** Updates the cache before the watch does, so that the next plan starts from what was written. */
    void written(ConfigMap map) {
        ResourceID id = ResourceID.fromResource(map);
        maps.get(id)
                .ifPresentOrElse(
                        before -> maps.handleRecentResourceUpdate(id, map, before),
                        () -> maps.handleRecentResourceCreate(id, map));
    }

    /** Finds the jobs of a node by the index, because nodes change more often than there are jobs on most of them. */
    private static Set<ResourceID> jobsOn(Node node, IndexerResourceCache<Pod> pods) {
        return pods.byIndex(NODE_INDEX, node.getMetadata().getName()).stream()
                .map(Informers::jobOf)
                .collect(Collectors.toSet());
    }

    private static ResourceID jobOf(HasMetadata object) {
        return new ResourceID(
                object.getMetadata().getLabels().get(ResourceNames.LABEL_JOB),
                object.getMetadata().getNamespace());
    }
}
