package io.swav.local;

import io.fabric8.kubernetes.api.model.BindingBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.informers.cache.Store;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Binds pods to nodes as {@link PodScheduler} places them, and states in a pod's status why it cannot be placed. */
final class PodBinder {
    private static final Logger LOG = LoggerFactory.getLogger(PodBinder.class);

    private final KubernetesClient client;
    private final ApiErrors errors;
    private final PodEvents podEvents;
    private final Store<Node> nodes;
    private final Store<Pod> pods;

    PodBinder(NodeContext node, Store<Node> nodes, Store<Pod> pods) {
        this.client = node.client();
        this.errors = node.errors();
        this.podEvents = node.events();
        this.nodes = nodes;
        this.pods = pods;
    }

    /** Binds each pod that has no node yet. */
    void bindPending() {
        List<Pod> placed = new ArrayList<>(pods.list().stream()
                .filter(p -> p.getSpec().getNodeName() != null)
                .toList());
        for (Pod pod : pods.list()) {
            if (pod.getSpec().getNodeName() == null
                    && pod.getMetadata().getDeletionTimestamp() == null
                    && List.of("default-scheduler", "")
                            .contains(String.valueOf(pod.getSpec().getSchedulerName()))) {
                place(pod, placed);
            }
        }
    }

    private void place(Pod pod, List<Pod> placed) {
        PodScheduler.Placement placement = PodScheduler.place(pod, nodes.list(), placed);
        if (placement instanceof PodScheduler.Bind bind) {
            if (attempt(ApiErrors.Call.BIND, pod, () -> bind(pod, bind.node()))) {
                placed.add(pod.edit()
                        .editSpec()
                        .withNodeName(bind.node())
                        .endSpec()
                        .build());
            }
        } else if (placement instanceof PodScheduler.Unschedulable unschedulable) {
            explain(pod, unschedulable.why());
        }
    }

    /**
     * @return false if the API server rejected the request; true also if the pod was already bound, because the cache lags,
     *     or no longer exists
     */
    private boolean attempt(ApiErrors.Call call, Pod pod, Runnable request) {
        try {
            request.run();
        } catch (KubernetesClientException e) {
            if (e.getCode() != 409 && e.getCode() != 404) {
                errors.failed(call, ApiErrors.name(pod), e);
                if (call == ApiErrors.Call.BIND && ApiErrors.answered(e)) {
                    String message = "the local node cannot bind the pod: " + ApiErrors.serverMessage(e);
                    podEvents.warn(pod, PodEvents.SCHEDULER, "FailedScheduling", message);
                }
                return false;
            }
        }
        errors.succeeded(call, ApiErrors.name(pod));
        return true;
    }

    private void bind(Pod pod, String node) {
        client.bindings()
                .inNamespace(pod.getMetadata().getNamespace())
                .resource(new BindingBuilder()
                        .withNewMetadata()
                        .withName(pod.getMetadata().getName())
                        .withUid(pod.getMetadata().getUid())
                        .endMetadata()
                        .withNewTarget()
                        .withApiVersion("v1")
                        .withKind("Node")
                        .withName(node)
                        .endTarget()
                        .build())
                .create();
        LOG.info("pod {} is bound to {}", pod.getMetadata().getName(), node);
    }

    private void explain(Pod pod, String why) {
        boolean alreadyWritten = pod.getStatus() != null
                && pod.getStatus().getConditions().stream()
                        .anyMatch(c -> c.getType().equals("PodScheduled") && why.equals(c.getMessage()));
        if (alreadyWritten) {
            return;
        }
        Pod status = pod.edit()
                .withStatus(new PodStatusBuilder(pod.getStatus())
                        .withConditions(new PodConditionBuilder()
                                .withType("PodScheduled")
                                .withStatus("False")
                                .withReason("Unschedulable")
                                .withMessage(why)
                                .withLastTransitionTime(PodStatuses.text(Instant.now()))
                                .build())
                        .build())
                .build();
        podEvents.warn(pod, PodEvents.SCHEDULER, "FailedScheduling", why);
        attempt(
                ApiErrors.Call.EXPLAIN,
                pod,
                () -> client.pods().resource(status).patchStatus());
    }
}
