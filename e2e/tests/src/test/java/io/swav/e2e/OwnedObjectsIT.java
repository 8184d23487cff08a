package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.api.model.rbac.RoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.Subject;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.World;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** The operator keeps the objects of a job as they should be, and leaves those of others as they are. */
class OwnedObjectsIT extends OperatedJob {
    private static final String TWO = "replicas: 2, elastic: {growAfterSeconds: 0}";
    private static final PatchContext MERGE = PatchContext.of(PatchType.JSON_MERGE);
    private static final String RBAC = "rbac.authorization.k8s.io/v1";

    private final Owned account = new Owned("v1", "ServiceAccount", "job-trainer");
    private final Owned role = new Owned(RBAC, "Role", "job-trainer");
    private final Owned binding = new Owned(RBAC, "RoleBinding", "job-trainer");
    private final Owned config = new Owned("v1", "ConfigMap", "job-config");
    private final Owned progress = new Owned("v1", "ConfigMap", "job-progress");
    private final Owned world = new Owned("v1", "ConfigMap", "job-world");
    private final Owned secret = new Owned("v1", "Secret", "job-handshake");

    /** One object of the job. */
    private record Owned(String apiVersion, String kind, String name) {
        @Override
        public String toString() {
            return kind + " " + name;
        }
    }

    OwnedObjectsIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    /** What is changed in one round is put back at once; the same object changed again and again, after a delay. */
    @Test
    void whateverIsDeletedOrEditedIsPutBackWhileTrainingContinues() {
        formOfTwo(TWO);
        soon().until(() -> requireNonNull(worldData().get("ledger.json")).contains("\"firstStep\""));
        Map<Owned, Object> good = contents();
        World before = trainers.world();

        List<Owned> owned = List.of(account, role, binding, config, progress);
        restores(good, "deleted", () -> owned.forEach(object -> at(object).delete()));
        restores(
                good,
                "labels",
                () -> good.keySet()
                        .forEach(object -> patch(object, "{\"metadata\": {\"labels\": {\"swav.io/job\": null}}}")));
        restores(
                good,
                "owners",
                () -> good.keySet().forEach(object -> patch(object, "{\"metadata\": {\"ownerReferences\": null}}")));
        restores(good, "contents", () -> {
            patch(role, "{\"rules\": [], \"metadata\": {\"labels\": null}}");
            patch(binding, "{\"subjects\": [], \"metadata\": {\"labels\": null, \"ownerReferences\": null}}");
            patch(config, "{\"data\": null, \"binaryData\": {\"job.json\": \"e30=\"}}");
            patch(progress, "{\"immutable\": true}");
            patch(world, "{\"immutable\": true}");
        });
        restores(good, "more rights, and an edit that cannot be undone", () -> {
            patch(
                    role,
                    "{\"rules\": [{\"apiGroups\": [\"\"], \"resources\": [\"configmaps\"], \"verbs\": [\"get\"]}]}");
            patch(config, "{\"immutable\": true, \"data\": {\"job.json\": \"{}\"}}");
        });

        assertThat(trainers.world()).isEqualTo(before);
        assertThat(trainers.pods()).containsExactly("job-0", "job-1");
        assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        assertThat(events()).contains("ObjectRestored");
        trainers.training("job-0", before.generation(), 9);
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(9));

        // without both nothing in an account shows that it is the job's
        patch(account, "{\"metadata\": {\"labels\": null, \"ownerReferences\": null}}");
        soon().untilAsserted(() -> assertThat(stalled())
                .returns("NameTaken", JobCondition::reason)
                .matches(stalled -> stalled.message().contains("ServiceAccount job-trainer has a name")));
        restores(good, "a name that is free again", () -> at(account).delete());
        soon().untilAsserted(
                        () -> assertThat(status().isTrue(ConditionType.Stalled)).isFalse());
    }

    private void restores(Map<Owned, Object> good, String what, Runnable meddle) {
        Map<Owned, String> before = versions();
        meddle.run();
        assertThat(versions()).as(what).isNotEqualTo(before); // the operator may have put it back already
        soon().untilAsserted(() -> assertThat(contents()).as(what).isEqualTo(good));
    }

    @Test
    void nothingOfSomebodyElseIsTakenOverAndTheJobStartsWhenTheNamesAreFree() {
        List<Owned> names = List.of(account, role, binding, config, progress, world);
        names.forEach(this::createForeign);
        createForeign(secret);
        apply(TWO);
        soon().untilAsserted(() -> {
            assertThat(stalled().reason()).isEqualTo("NameTaken");
            assertThat(stalled().message())
                    .contains(names.stream().map(Owned::toString).toList())
                    .contains("belong to something else", "Delete or rename them", "spec.serviceAccountName");
        });
        names.forEach(this::assertUntouched);
        assertThat(trainers.pods()).isEmpty();

        names.forEach(name -> at(name).delete());
        soon().untilAsserted(() -> assertThat(stalled().message()).contains("Secret job-handshake has a name"));
        assertUntouched(secret);
        assertThat(trainers.pods()).isEmpty();

        at(secret).delete();
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
    }

    /** An account with more rights may have the name that the operator would use, and the template may name it. */
    @Test
    void anAccountOfSomebodyElseIsUsedIfTheTemplateNamesIt() {
        createForeign(account);
        apply(TWO, "serviceAccount: job-trainer, serviceAccountName: null");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        assertThat(pods()).containsOnly("job-trainer");
        assertUntouched(account);
        assertThat(subjects()).containsExactly("job-trainer");
    }

    @Test
    void theRoleIsBoundToTheAccountsOfPodsThatLive() {
        client.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName("another")
                        .withNamespace(namespace)
                        .endMetadata()
                        .build())
                .create();
        formOfTwo(TWO, "serviceAccountName: null");
        assertThat(pods()).containsOnly("job-trainer");
        apply(TWO, "serviceAccount: another");
        soon().untilAsserted(() -> assertThat(subjects()).containsExactly("another", "job-trainer"));
        for (int seconds = 1; seconds < 6; seconds++) {
            apply(TWO.replace(": 0", ": " + seconds), "serviceAccount: another");
            String now = "\"growAfterSeconds\" : " + seconds;
            soon().untilAsserted(() ->
                    assertThat(configMap(config).getData().get("job.json")).contains(now));
        }
        assertThat(events()).as("they followed the job").doesNotContain("ObjectRestored");
        patch(binding, "{\"subjects\": []}");
        soon().untilAsserted(() -> assertThat(subjects()).containsExactly("another", "job-trainer"));
        client.pods().inNamespace(namespace).withName("job-0").delete();
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> {
            assertThat(pods()).containsExactly("another", "another");
            assertThat(subjects()).containsExactly("another");
        });
    }

    @Test
    void whatADeletedJobOfTheSameNameLeftIsWaitedFor() {
        apply(TWO);
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        List<Owned> pinned = List.of(role, world);
        pinned.forEach(object -> patch(object, "{\"metadata\": {\"finalizers\": [\"example.com/pin\"]}}"));
        String first = job().get().getMetadata().getUid();
        job().delete();
        soon().until(() -> job().get() == null);
        apply(TWO);
        soon().untilAsserted(() -> {
            assertThat(stalled().status()).isEqualTo("False");
            assertThat(stalled().reason()).isEqualTo("Waiting");
            assertThat(stalled().message())
                    .contains("Role job-trainer, ConfigMap job-world are left from a deleted job of the same name");
        });
        assertThat(owner(role).getUid()).isEqualTo(first);
        pinned.forEach(object -> patch(object, "{\"metadata\": {\"finalizers\": null}}"));
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(owner(role).getUid())
                    .isEqualTo(job().get().getMetadata().getUid())
                    .isNotEqualTo(first);
        });
    }

    /** While an edit is refused, the spec that was accepted exists nowhere but in the operator's objects. */
    @Test
    void theAcceptedSpecSurvivesEditsOfItsCopiesAndRestarts() throws IOException {
        formOfTwo(TWO);
        String good = requireNonNull(configMap(config).getData().get(ResourceNames.CONFIG_KEY));
        apply(TWO + ", training: {globalBatch: 512}");
        soon().untilAsserted(() -> assertThat(stalled().message()).contains("spec.training cannot change"));
        stopOperator();
        patch(config, "{\"data\": {\"job.json\": \"{}\"}}");
        startOperator();
        soon().untilAsserted(
                        () -> assertThat(configMap(config).getData()).containsEntry(ResourceNames.CONFIG_KEY, good));
        assertThat(stalled().message()).contains("spec.training cannot change");

        String stored = requireNonNull(worldData().get("accepted.json"));
        stopOperator();
        patch(world, "{\"data\": {\"accepted.json\": " + quoted(stored.replace("4096", "512")) + "}}");
        assertThat(worldData().get("accepted.json")).isNotEqualTo(stored);
        startOperator();
        soon().untilAsserted(() -> assertThat(worldData().get("accepted.json"))
                .as("from the other copy")
                .contains("4096"));
        assertThat(stalled().message()).contains("spec.training cannot change");

        stopOperator();
        patch(config, "{\"data\": {\"job.json\": \"{}\"}}");
        patch(world, "{\"data\": {\"accepted.json\": \"{}\"}}");
        startOperator();
        soon().untilAsserted(() -> assertThat(stalled().message())
                .contains("accepted.json, the spec that was accepted last, was edited")
                .contains("ConfigMap job-config has another one"));
        patch(world, "{\"data\": {\"accepted.json\": " + quoted(stored) + "}}");
        soon().untilAsserted(
                        () -> assertThat(configMap(config).getData()).containsEntry(ResourceNames.CONFIG_KEY, good));
        apply(TWO + ", training: {globalBatch: 4096}");
        soon().untilAsserted(
                        () -> assertThat(status().isTrue(ConditionType.Stalled)).isFalse());
    }

    @Test
    void aChangedHandshakeKeyIsReportedAndTakenWhenItIsPutBack() {
        formOfTwo(TWO);
        Resource<Secret> key = client.secrets().inNamespace(namespace).withName(ResourceNames.handshakeName("job"));
        Secret good = key.get();
        patch(secret, "{\"data\": {\"handshake\": \"d3Jvbmc=\"}}");
        soon().untilAsserted(() -> {
            assertThat(stalled().reason()).isEqualTo("HandshakeChanged");
            assertThat(stalled().message())
                    .contains("its key is not the one that running trainers hold")
                    .contains("Put the previous key back");
        });
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        assertThat(trainers.pods()).as("no pod with the wrong key").containsExactly("job-0");

        key.delete();
        client.resource(new SecretBuilder()
                        .withNewMetadata()
                        .withName(good.getMetadata().getName())
                        .withNamespace(namespace)
                        .endMetadata()
                        .withData(good.getData())
                        .build())
                .create();
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).containsExactly("job-0", "job-2");
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
        assertThat(owner(secret).getUid())
                .as("put back by hand, taken")
                .isEqualTo(job().get().getMetadata().getUid());
        assertThat(key.get().getData()).isEqualTo(good.getData());

        patch(secret, "{\"data\": {\"handshake\": \"d3Jvbmc=\"}}");
        apply(TWO + ", suspend: true");
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        apply(TWO + ", suspend: false");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        assertThat(key.get().getData().get("handshake")).isNotNull().isNotIn(good.getData(), "d3Jvbmc=");
    }

    @Test
    void aRestartWritesNothingAndPutsBackWhatWasChangedMeanwhile() throws IOException {
        formOfTwo(TWO);
        soon().untilAsserted(() -> assertThat(versions()).isEqualTo(versionsAfterOneSecond()));
        stopOperator();
        at(role).delete();
        RoleBinding there = client.rbac()
                .roleBindings()
                .inNamespace(namespace)
                .withName("job-trainer")
                .get();
        at(binding).delete();
        client.resource(new RoleBindingBuilder(there)
                        .editMetadata()
                        .withResourceVersion(null)
                        .withUid(null)
                        .endMetadata()
                        .editRoleRef()
                        .withKind("ClusterRole")
                        .withName("view")
                        .endRoleRef()
                        .build())
                .create();
        Map<Owned, String> before = versions();
        startOperator();
        soon().untilAsserted(() -> {
            assertThat(version(role)).isNotEqualTo("absent");
            assertThat(client.rbac()
                            .roleBindings()
                            .inNamespace(namespace)
                            .withName("job-trainer")
                            .get()
                            .getRoleRef()
                            .getName())
                    .isEqualTo("job-trainer");
        });
        Map<Owned, String> after = versions();
        after.put(role, "absent");
        after.put(binding, requireNonNull(before.get(binding)));
        assertThat(after).isEqualTo(before);
    }

    private Map<Owned, String> versionsAfterOneSecond() {
        Map<Owned, String> first = versions();
        await().during(Duration.ofSeconds(1)).until(() -> versions().equals(first));
        return first;
    }

    /** The versions of all objects that change only if the operator writes them. */
    private Map<Owned, String> versions() {
        return versions(List.of(account, role, binding, config, world, secret));
    }

    private Map<Owned, String> versions(List<Owned> objects) {
        Map<Owned, String> versions = new TreeMap<>((a, b) -> a.toString().compareTo(b.toString()));
        objects.forEach(object -> versions.put(object, version(object)));
        return versions;
    }

    private String version(Owned object) {
        GenericKubernetesResource found = at(object).get();
        return found == null ? "absent" : found.getMetadata().getResourceVersion();
    }

    /** What of the objects belongs to the operator. */
    private Map<Owned, Object> contents() {
        Map<Owned, Object> contents = new LinkedHashMap<>();
        for (Owned object : List.of(account, role, binding, config, progress, world)) {
            GenericKubernetesResource found = at(object).get();
            if (found == null) {
                continue;
            }
            Map<String, Object> fields = new TreeMap<>();
            fields.put("labels", found.getMetadata().getLabels());
            fields.put("owners", found.getMetadata().getOwnerReferences());
            found.getAdditionalProperties().forEach((field, value) -> {
                if (!(field.equals("data") && object.equals(progress)) && !field.equals("secrets")) {
                    fields.put(field, value);
                }
            });
            contents.put(object, fields);
        }
        return contents;
    }

    private void assertUntouched(Owned object) {
        assertThat(at(object).get().getMetadata().getManagedFields())
                .as("who wrote %s", object)
                .extracting(ManagedFieldsEntry::getManager)
                .isNotEmpty()
                .doesNotContain("swav-operator");
    }

    private void createForeign(Owned object) {
        GenericKubernetesResource foreign = new GenericKubernetesResourceBuilder()
                .withApiVersion(object.apiVersion())
                .withKind(object.kind())
                .withNewMetadata()
                .withName(object.name())
                .withNamespace(namespace)
                .withLabels(Map.of("of", "another"))
                .endMetadata()
                .build();
        if (object.equals(binding)) {
            foreign.setAdditionalProperty(
                    "roleRef", Map.of("apiGroup", "rbac.authorization.k8s.io", "kind", "Role", "name", "theirs"));
        }
        client.resource(foreign).create();
    }

    private OwnerReference owner(Owned object) {
        return at(object).get().getMetadata().getOwnerReferences().get(0);
    }

    private Resource<GenericKubernetesResource> at(Owned object) {
        return client.genericKubernetesResources(object.apiVersion(), object.kind())
                .inNamespace(namespace)
                .withName(object.name());
    }

    private void patch(Owned object, String body) {
        at(object).patch(MERGE, body);
    }

    private ConfigMap configMap(Owned object) {
        return client.configMaps()
                .inNamespace(namespace)
                .withName(object.name())
                .get();
    }

    private Map<String, String> worldData() {
        return configMap(world).getData();
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    private JobCondition stalled() {
        return status().condition(ConditionType.Stalled).orElseThrow();
    }

    /** Returns the accounts of the job's pods. */
    private List<String> pods() {
        return client.pods().inNamespace(namespace).withLabel(ResourceNames.LABEL_JOB, "job").list().getItems().stream()
                .map(pod -> pod.getSpec().getServiceAccountName())
                .toList();
    }

    private List<String> subjects() {
        return client.rbac().roleBindings().inNamespace(namespace).withName("job-trainer").get().getSubjects().stream()
                .map(Subject::getName)
                .toList();
    }
}
