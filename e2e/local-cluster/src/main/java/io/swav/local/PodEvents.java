package io.swav.local;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** Writes warnings of scheduler and kubelet as Events of the pod; a pod's status does not contain them. */
final class PodEvents {
    static final String SCHEDULER = "default-scheduler";
    static final String KUBELET = "kubelet";
    /** How long the same Event is not repeated. A kubelet repeats about as often; Events expire after an hour. */
    private static final Duration REPEAT = Duration.ofMinutes(2);

    private record Written(String message, Instant at) {}

    private final KubernetesClient client;
    private final ApiErrors errors;
    /** The last Event by uid of the pod and reason. */
    private final Map<String, Written> written = new HashMap<>();

    PodEvents(KubernetesClient client, ApiErrors errors) {
        this.client = client;
        this.errors = errors;
    }

    /**
     * Writes the Event unless the same one was written within {@link #REPEAT}. One that cannot be written is recorded as a
     * problem and does not throw.
     */
    synchronized void warn(Pod pod, String component, String reason, String message) {
        Instant now = Instant.now();
        written.values().removeIf(old -> old.at().plus(REPEAT).isBefore(now));
        String about = pod.getMetadata().getUid() + "/" + reason;
        Written last = written.get(about);
        if (last != null && last.message().equals(message)) {
            return;
        }
        written.put(about, new Written(message, now));
        try {
            create(pod, component, reason, message, PodStatuses.text(now));
            errors.succeeded(ApiErrors.Call.EVENT, ApiErrors.name(pod));
        } catch (KubernetesClientException e) {
            boolean namespaceIsDeleted =
                    e.getCode() == 404 || ApiErrors.serverMessage(e).contains("being terminated");
            if (!namespaceIsDeleted) {
                errors.failed(ApiErrors.Call.EVENT, ApiErrors.name(pod), e);
            }
        }
    }

    private void create(Pod pod, String component, String reason, String message, String time) {
        client.v1()
                .events()
                .resource(new EventBuilder()
                        .withNewMetadata()
                        .withGenerateName(pod.getMetadata().getName() + ".")
                        .withNamespace(pod.getMetadata().getNamespace())
                        .endMetadata()
                        .withType("Warning")
                        .withReason(reason)
                        .withMessage(message)
                        .withNewInvolvedObject()
                        .withApiVersion("v1")
                        .withKind("Pod")
                        .withName(pod.getMetadata().getName())
                        .withNamespace(pod.getMetadata().getNamespace())
                        .withUid(pod.getMetadata().getUid())
                        .endInvolvedObject()
                        .withNewSource(component, pod.getSpec().getNodeName())
                        .withReportingComponent(component)
                        .withFirstTimestamp(time)
                        .withLastTimestamp(time)
                        .withCount(1)
                        .build())
                .create();
    }
}
