package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Builds the PodGroup of a job, an object of the scheduler's. */
final class PodGroups {
    /** On a template: the queue of Volcano for its pods. */
    private static final String VOLCANO_QUEUE = "scheduling.volcano.sh/queue-name";

    private PodGroups() {}

    /** Returns the PodGroup {@code <job>-trainer}; other fields of its spec are the scheduler's. */
    static GenericKubernetesResource of(SwavJob job, GangChoice.OfGroup group) {
        Map<String, Object> spec = new TreeMap<>(group.api().spec(group.min()));
        if (group.api() == GangApi.VOLCANO) {
            addVolcanos(job.getSpec().template(), spec);
        }
        return new GenericKubernetesResourceBuilder()
                .withApiVersion(group.api().group() + "/" + group.version())
                .withKind(GangApi.KIND)
                .withMetadata(OwnerMetadata.meta(
                        job, ResourceNames.podGroupName(job.getMetadata().getName())))
                .addToAdditionalProperties("spec", spec)
                .build();
    }

    /** Volcano takes queue and priority of pods from their group. */
    private static void addVolcanos(@Nullable JsonNode template, Map<String, Object> spec) {
        if (template == null) {
            return;
        }
        text(template.path("metadata").path("annotations").path(VOLCANO_QUEUE))
                .ifPresent(queue -> spec.put("queue", queue));
        text(template.path("spec").path("priorityClassName"))
                .ifPresent(priority -> spec.put("priorityClassName", priority));
    }

    private static Optional<String> text(JsonNode node) {
        return node.isTextual() && !node.asText().isEmpty() ? Optional.of(node.asText()) : Optional.empty();
    }
}
