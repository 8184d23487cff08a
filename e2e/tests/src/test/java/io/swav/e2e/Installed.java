package io.swav.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** Manifests on the test's API server; closing deletes them, except the kinds that other tests share. */
final class Installed implements AutoCloseable {
    private static final Set<String> KEPT = Set.of("CustomResourceDefinition", "Namespace");

    private final KubernetesClient client;
    private final List<JsonNode> objects;

    private Installed(KubernetesClient client, List<JsonNode> objects) {
        this.client = client;
        this.objects = objects;
    }

    /** @param objects objects that have already been applied otherwise */
    static Installed of(KubernetesClient client, List<JsonNode> objects) {
        return new Installed(client, objects);
    }

    static Installed apply(KubernetesClient client, List<JsonNode> objects) {
        objects.forEach(object -> apply(client, object, false));
        return new Installed(client, objects);
    }

    /** @param dry whether to request a dry run, which does everything except the change itself */
    static void apply(KubernetesClient client, JsonNode object, boolean dry) {
        var resource = client.resource(Serialization.unmarshal(object.toString(), GenericKubernetesResource.class));
        if (kind(object).equals("CustomResourceDefinition")) { // server-side apply rejects CEL rules before 1.25
            resource.dryRun(dry).createOr(NonDeletingOperation::update);
        } else {
            resource.patch(
                    new PatchContext.Builder()
                            .withPatchType(PatchType.SERVER_SIDE_APPLY)
                            .withFieldManager("helm")
                            .withForce(true)
                            .withDryRun(dry ? List.of("All") : List.of())
                            .build(),
                    object.toString());
        }
    }

    static void namespaces(KubernetesClient client, String... names) {
        for (String name : names) {
            client.resource(new NamespaceBuilder()
                            .withNewMetadata()
                            .withName(name)
                            .endMetadata()
                            .build())
                    .serverSideApply();
        }
    }

    private static String kind(JsonNode object) {
        return object.path("kind").asText();
    }

    @Override
    public void close() {
        List<JsonNode> lastFirst = new ArrayList<>(objects);
        Collections.reverse(lastFirst);
        lastFirst.stream()
                .filter(object -> !KEPT.contains(kind(object)))
                .forEach(object -> client.resource(
                                Serialization.unmarshal(object.toString(), GenericKubernetesResource.class))
                        .delete());
    }
}
