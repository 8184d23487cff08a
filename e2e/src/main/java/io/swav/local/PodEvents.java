package io.swav.local;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** Warnings of scheduler and kubelet as Events of the pod: what it says there stands in no pod's status. */
final class PodEvents {
    static final String SCHEDULER = "default-scheduler";
    static final String KUBELET = "kubelet";
    /** A kubelet repeats what still holds about as often; Events live for an hour. */
    private static final Duration REPEAT = Duration.ofMinutes(2);

    private record Said(String message, Instant at) {}

    private final KubernetesClient client;
    private final ApiErrors errors;
    /** By uid of the pod and reason. */
    private final Map<String, Said> said = new HashMap<>();

    PodEvents(KubernetesClient client, ApiErrors errors) {
        this.client = client;
        this.errors = errors;
    }

    /** Writes the Event unless the same was written a moment ago; one that cannot be written is a problem, not an error. */
    synchronized void warn(Pod pod, String component, String reason, String message) {
        Instant now = Instant.now();
        said.values().removeIf(old -> old.at().plus(REPEAT).isBefore(now));
        String about = pod.getMetadata().getUid() + "/" + reason;
        Said last = said.get(about);
        if (last != null && last.message().equals(message)) {
            return;
        }
        said.put(about, new Said(message, now));
        try {
            create(pod, component, reason, message, PodStatuses.text(now));
            errors.succeeded(ApiErrors.Call.EVENT, ApiErrors.name(pod));
        } catch (KubernetesClientException e) {
            boolean namespaceGoes = e.getCode() == 404 || ApiErrors.words(e).contains("being terminated");
            if (!namespaceGoes) {
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
