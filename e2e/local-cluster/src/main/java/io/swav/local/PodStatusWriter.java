package io.swav.local;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes one pod's status when it has changed. */
final class PodStatusWriter {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final KubernetesClient client;
    private final ApiErrors errors;
    private final PodEvents podEvents;
    private @Nullable PodStatus written;

    /** @param written the status that the API server has; null if the pod has none */
    PodStatusWriter(NodeContext node, @Nullable PodStatus written) {
        this.client = node.client();
        this.errors = node.errors();
        this.podEvents = node.events();
        this.written = written;
    }

    /** @throws KubernetesClientException if the API server rejects the status or does not answer */
    void write(Pod pod, PodRuntimeState state, Instant now) {
        PodStatus next = PodStatuses.of(pod, state, written, now);
        if (next.equals(written)) {
            return;
        }
        // the uid makes the patch fail (409) if another pod has taken the name
        Map<String, Object> patch = Map.of(
                "metadata", Map.of("uid", pod.getMetadata().getUid()), "status", JSON.convertValue(next, Map.class));
        try {
            client.pods()
                    .inNamespace(pod.getMetadata().getNamespace())
                    .withName(pod.getMetadata().getName())
                    .subresource("status")
                    .patch(PatchContext.of(PatchType.JSON_MERGE), JSON.writeValueAsString(patch));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
        errors.succeeded(ApiErrors.Call.STATUS, ApiErrors.name(pod));
        written = next;
    }

    /** Records that the status could not be written; the first time, also in an Event of the pod. */
    void failed(Pod pod, KubernetesClientException e) {
        boolean isNew = errors.failed(ApiErrors.Call.STATUS, ApiErrors.name(pod), e);
        if (isNew && ApiErrors.answered(e)) {
            String message = "the local node cannot write the pod's status: " + ApiErrors.serverMessage(e);
            podEvents.warn(pod, PodEvents.KUBELET, "FailedStatusUpdate", message);
        }
    }
}
