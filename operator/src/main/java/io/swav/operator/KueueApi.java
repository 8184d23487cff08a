package io.swav.operator;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.APIGroup;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceList;
import io.fabric8.kubernetes.api.model.GroupVersionForDiscovery;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.javaoperatorsdk.operator.api.config.informer.InformerEventSourceConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.processing.GroupVersionKind;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.informer.InformerEventSource;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Access to Kueue's Workloads. They are watched from the first job on that names a queue, as soon as the API server serves
 * them, so that clusters without Kueue need neither its definitions nor a restart of the operator when it is installed.
 */
final class KueueApi {
    private static final Logger LOG = LoggerFactory.getLogger(KueueApi.class);
    private static final String EVENT_SOURCE = "kueue-workloads";
    /** Versions that the operator knows, the preferred one first. */
    private static final List<String> VERSIONS = List.of("v1beta2", "v1beta1");

    /** How long the API server is not asked again whether it serves Workloads. */
    static final Duration ASK_EVERY = Duration.ofSeconds(30);

    private final KubernetesClient client;
    private final ExpiringCache<String, Set<String>> served;
    private Optional<Watched> watched = Optional.empty();

    private record Watched(String version, InformerEventSource<GenericKubernetesResource, SwavJob> source) {}

    KueueApi(KubernetesClient client) {
        this.client = client;
        this.served = new ExpiringCache<>(1, ASK_EVERY, System::nanoTime);
    }

    /**
     * Returns the version of Workloads to use, which are then watched; empty if the API server serves none.
     *
     * @throws io.fabric8.kubernetes.client.KubernetesClientException if the API server does not answer, or does not let
     *     the operator read Workloads
     */
    synchronized Optional<String> version(Context<SwavJob> context) {
        Set<String> now = served.get(KueueWorkload.GROUP, this::ask);
        watched.filter(source -> !now.contains(source.version())).ifPresent(source -> forget(context));
        if (watched.isEmpty()) {
            VERSIONS.stream().filter(now::contains).findFirst().ifPresent(version -> watch(version, context));
        }
        return watched.map(source -> apiVersion(source.version()));
    }

    private static String apiVersion(String version) {
        return KueueWorkload.GROUP + "/" + version;
    }

    private Set<String> ask() {
        APIGroup group = client.getApiGroup(KueueWorkload.GROUP);
        return group == null
                ? Set.of()
                : group.getVersions().stream()
                        .map(GroupVersionForDiscovery::getVersion)
                        .collect(Collectors.toSet());
    }

    private void watch(String version, Context<SwavJob> context) {
        readable(version, context);
        InformerEventSource<GenericKubernetesResource, SwavJob> source = new InformerEventSource<>(
                InformerEventSourceConfiguration.from(
                                new GroupVersionKind(KueueWorkload.GROUP, version, "Workload"), SwavJob.class)
                        .withName(EVENT_SOURCE)
                        .withLabelSelector(ResourceNames.LABEL_JOB)
                        .withSecondaryToPrimaryMapper(workload -> Set.of(Informers.jobOf(workload)))
                        .withInformerListLimit(Informers.PAGE)
                        .withNamespacesInheritedFromController()
                        .build(),
                context.eventSourceRetriever().eventSourceContextForDynamicRegistration());
        context.eventSourceRetriever().dynamicallyRegisterEventSource(source);
        watched = Optional.of(new Watched(version, source));
        LOG.info("watching Workloads of {}", apiVersion(version));
    }

    /** Lists one of what is watched: a watch that is refused would be tried again without a word. */
    private void readable(String version, Context<SwavJob> context) {
        var workloads = workloads(apiVersion(version));
        ListOptionsBuilder one = new ListOptionsBuilder().withLimit(1L);
        Set<String> namespaces = context.getControllerConfiguration()
                .getInformerConfig()
                .getEffectiveNamespaces(context.getControllerConfiguration());
        if (context.getControllerConfiguration().getInformerConfig().watchAllNamespaces()) {
            workloads.inAnyNamespace().list(one.build());
        } else {
            namespaces.forEach(namespace -> workloads.inNamespace(namespace).list(one.build()));
        }
    }

    private void forget(Context<SwavJob> context) {
        LOG.info("the API server no longer serves the Workloads that were watched");
        context.eventSourceRetriever().dynamicallyDeRegisterEventSource(EVENT_SOURCE);
        watched = Optional.empty();
    }

    private MixedOperation<
                    GenericKubernetesResource, GenericKubernetesResourceList, Resource<GenericKubernetesResource>>
            workloads(String apiVersion) {
        return resources(apiVersion, "Workload", "workloads", true);
    }

    /** Finds a Workload; one that the cache lacks may only have lost its label, so the API server is asked. */
    Optional<GenericKubernetesResource> find(String apiVersion, ResourceID id) {
        return cached(id)
                .or(() -> Optional.ofNullable(workloads(apiVersion)
                        .inNamespace(id.getNamespace().orElseThrow())
                        .withName(id.getName())
                        .get()));
    }

    /** Returns an object of the cluster. */
    Optional<GenericKubernetesResource> get(String apiVersion, String kind, String plural, String name) {
        return Optional.ofNullable(
                resources(apiVersion, kind, plural, false).withName(name).get());
    }

    /** Names the plural, because a client that looks it up remembers that a kind did not exist. */
    private MixedOperation<
                    GenericKubernetesResource, GenericKubernetesResourceList, Resource<GenericKubernetesResource>>
            resources(String apiVersion, String kind, String plural, boolean namespaced) {
        return client.genericKubernetesResources(new ResourceDefinitionContext.Builder()
                .withGroup(KueueWorkload.GROUP)
                .withVersion(apiVersion.substring(apiVersion.indexOf('/') + 1))
                .withKind(kind)
                .withPlural(plural)
                .withNamespaced(namespaced)
                .build());
    }

    private Resource<GenericKubernetesResource> resource(String apiVersion, GenericKubernetesResource workload) {
        return workloads(apiVersion)
                .inNamespace(workload.getMetadata().getNamespace())
                .resource(workload);
    }

    void create(String apiVersion, GenericKubernetesResource workload) {
        written(resource(apiVersion, workload).create());
    }

    /** Deletes the Workload as it was read: the API server answers 409 if it has changed. */
    void delete(String apiVersion, GenericKubernetesResource workload) {
        resource(apiVersion, workload)
                .lockResourceVersion(workload.getMetadata().getResourceVersion())
                .delete();
    }

    /**
     * Replaces the pod set of a Workload by a smaller one; returns whether that is allowed. A webhook that refuses it while
     * quota is reserved allows to give the others' quota back instead.
     */
    boolean shrink(String apiVersion, GenericKubernetesResource workload, ObjectNode podSet) {
        ObjectNode patch = JsonNodeFactory.instance.objectNode();
        patch.withObject("/spec").putArray("podSets").add(podSet);
        try {
            patch(apiVersion, workload, patch, false);
            return true;
        } catch (KubernetesClientException e) {
            if (e.getCode() != PodRejection.UNPROCESSABLE && e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
                throw e;
            }
            LOG.info("the pod set of a Workload may not shrink: {}", PlanExecutor.message(e));
            return false;
        }
    }

    /** Applies a merge patch to the Workload as it was read: the API server answers 409 if it has changed. */
    void patch(String apiVersion, GenericKubernetesResource workload, ObjectNode patch, boolean ofStatus) {
        patch.withObject("/metadata")
                .put("resourceVersion", workload.getMetadata().getResourceVersion());
        Resource<GenericKubernetesResource> resource = resource(apiVersion, workload);
        written(
                ofStatus
                        ? resource.subresource("status").patch(Dependents.MERGE, patch.toString())
                        : resource.patch(Dependents.MERGE, patch.toString()));
    }

    /** Whether the namespace's Workloads are in the cache. */
    synchronized boolean synced(String namespace) {
        return watched.filter(source -> Informers.synced(source.source(), namespace))
                .isPresent();
    }

    /** Returns a Workload as the watch has seen it. */
    synchronized Optional<GenericKubernetesResource> cached(ResourceID id) {
        return watched.flatMap(source -> source.source().get(id));
    }

    /** Updates the cache at once, before the watch does. */
    private synchronized void written(GenericKubernetesResource workload) {
        watched.ifPresent(source -> Informers.written(source.source(), workload));
    }
}
