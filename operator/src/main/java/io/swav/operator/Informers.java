package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Constants;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.health.InformerHealthIndicator;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.javaoperatorsdk.operator.processing.event.source.IndexerResourceCache;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.planner.Reporting;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The informers of the jobs' objects and of all nodes, with the mapping of their events to jobs. */
final class Informers implements Dependents.Cache {
    /** A version that can be compared, as etcd's are. */
    private static final Pattern NUMBER = Pattern.compile("[0-9]+");

    /** Objects in one response to a list. A list of all at once would be held in memory as text, whatever its size. */
    static final long PAGE = 500;

    private static final String NODE_INDEX = "node";

    private final InformerEventSource<Pod, SwavJob> pods;
    private final InformerEventSource<ConfigMap, SwavJob> maps;
    private final InformerEventSource<ServiceAccount, SwavJob> accounts;
    private final InformerEventSource<Role, SwavJob> roles;
    private final InformerEventSource<RoleBinding, SwavJob> bindings;
    private final InformerEventSource<Node, SwavJob> nodes;
    private final IndexerResourceCache<SwavJob> jobs;

    Informers(EventSourceContext<SwavJob> context) {
        jobs = context.getPrimaryCache();
        pods = ofJobs(Pod.class, context);
        maps = ofJobs(ConfigMap.class, context);
        accounts = ofJobs(ServiceAccount.class, context);
        roles = ofJobs(Role.class, context);
        bindings = ofJobs(RoleBinding.class, context);
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
        InformerEventSourceConfiguration.Builder<T> configuration = InformerEventSourceConfiguration.from(
                        type, SwavJob.class)
                .withLabelSelector(ResourceNames.LABEL_JOB)
                .withSecondaryToPrimaryMapper(object -> Set.of(jobOf(object)))
                .withInformerListLimit(PAGE)
                .withNamespacesInheritedFromController();
        if (context.getControllerConfiguration().getInformerConfig().watchAllNamespaces()) {
            configuration.withItemStore(new CompactStore<>(context.getClient().getKubernetesSerialization(), type));
        }
        return new InformerEventSource<>(configuration.build(), context);
    }

    List<EventSource<?, SwavJob>> all() {
        return List.of(pods, maps, accounts, roles, bindings, nodes);
    }

    /** Whether everything about the jobs of this namespace is in the caches, as it was once or as it is now. */
    boolean synced(String namespace) {
        return all().stream()
                .allMatch(source ->
                        source instanceof InformerEventSource<?, ?> informers && synced(informers, namespace));
    }

    static boolean synced(InformerEventSource<?, ?> source, String namespace) {
        Map<String, InformerHealthIndicator> informers = source.informerHealthIndicators();
        InformerHealthIndicator informer =
                informers.getOrDefault(Constants.WATCH_ALL_NAMESPACES, informers.get(namespace));
        return informer != null && informer.hasSynced();
    }

    /** Returns all watched jobs, with the status that the API server has. */
    List<SwavJob> jobs() {
        return jobs.list().toList();
    }

    /** Returns all nodes in the cache. */
    List<Node> nodes() {
        return nodes.list().toList();
    }

    SnapshotReader snapshotReader(
            Signals signals, KubernetesClient client, PodEvents events, ReportSilenceTracker silence) {
        return new SnapshotReader(
                signals,
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

    @Override
    public void written(HasMetadata object) {
        if (object instanceof ConfigMap map) {
            written(maps, map);
        } else if (object instanceof ServiceAccount account) {
            written(accounts, account);
        } else if (object instanceof Role role) {
            written(roles, role);
        } else if (object instanceof RoleBinding binding) {
            written(bindings, binding);
        }
    }

    /** Updates a cache with what the API server has answered to a write, unless the watch was faster. */
    static <T extends HasMetadata> void written(InformerEventSource<T, SwavJob> source, T object) {
        ResourceID id = ResourceID.fromResource(object);
        Optional<T> before = source.get(id);
        if (before.isEmpty()) {
            source.handleRecentResourceCreate(id, object);
        } else if (isBehind(before.get(), object)) {
            source.handleRecentResourceUpdate(id, object, before.get());
        }
    }

    /**
     * Whether a cache that has the first of two is behind the second. If somebody else has written after us, the watch may
     * show that before our own answer is here; the cache would then keep our older object until the next change.
     */
    static boolean isBehind(HasMetadata cached, HasMetadata written) {
        String before = version(cached);
        String now = version(written);
        boolean isSame = Objects.equals(
                cached.getMetadata().getUid(), written.getMetadata().getUid());
        boolean areComparable = isSame
                && NUMBER.matcher(before).matches()
                && NUMBER.matcher(now).matches();
        return areComparable ? new BigInteger(before).compareTo(new BigInteger(now)) < 0 : !before.equals(now);
    }

    private static String version(HasMetadata object) {
        return String.valueOf(object.getMetadata().getResourceVersion());
    }

    @Override
    public <T extends HasMetadata> Optional<T> get(Class<T> type, String namespace, String name) {
        return Stream.of(maps, accounts, roles, bindings)
                .filter(source -> source.resourceType().equals(type))
                .findFirst()
                .flatMap(source -> source.get(new ResourceID(name, namespace)))
                .map(type::cast);
    }

    @Override
    public Collection<Pod> pods(SwavJob job) {
        return pods.getSecondaryResources(job);
    }

    /** Finds the jobs of a node by the index, because nodes change more often than there are jobs on most of them. */
    private static Set<ResourceID> jobsOn(Node node, IndexerResourceCache<Pod> pods) {
        return pods.byIndex(NODE_INDEX, node.getMetadata().getName()).stream()
                .map(Informers::jobOf)
                .collect(Collectors.toSet());
    }

    static ResourceID jobOf(HasMetadata object) {
        return new ResourceID(
                object.getMetadata().getLabels().get(ResourceNames.LABEL_JOB),
                object.getMetadata().getNamespace());
    }
}
