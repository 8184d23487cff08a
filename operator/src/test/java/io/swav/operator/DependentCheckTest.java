package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntryBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.OwnerReferenceBuilder;
import io.swav.api.SwavJob;
import io.swav.operator.DependentCheck.Action;
import io.swav.operator.DependentCheck.PutBack;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** What is done about an object of a job, for every object and many ways to change it. */
class DependentCheckTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String CREATED = "2026-01-01T00:00:00Z";

    private final SwavJob job = Jobs.job("replicas: 2");
    private final List<HasMetadata> all = List.of(
            TrainerRbac.account(job),
            TrainerRbac.role(job, List.of("job-progress")),
            TrainerRbac.binding(job, List.of()),
            JobResources.config(job, job.getSpec(), 100),
            JobResources.progress(job, "job-progress"),
            group(GangApi.SCHEDULER_PLUGINS),
            group(GangApi.VOLCANO));
    private final HasMetadata role = all.get(1);
    private final HasMetadata binding = all.get(2);
    private final HasMetadata config = all.get(3);
    private final HasMetadata progress = all.get(4);

    @Test
    void whatIsAsItShouldBeIsKeptAndWhatIsAbsentIsCreated() {
        for (HasMetadata wanted : all) {
            assertThat(DependentCheck.decide(job, wanted, Optional.of(stored(wanted))))
                    .isEqualTo(new DependentCheck.KeepAsIs());
            assertThat(DependentCheck.decide(job, wanted, Optional.empty())).isEqualTo(new DependentCheck.Create());
        }
    }

    /** Others may label, annotate and own an object too, and add keys. */
    @Test
    void additionsOfOthersAreNoDifference() {
        for (HasMetadata wanted : all) {
            HasMetadata there = stored(wanted);
            there.getMetadata().getLabels().put("team", "vision");
            there.getMetadata().setAnnotations(Map.of("note", "x"));
            there.getMetadata()
                    .getOwnerReferences()
                    .add(new OwnerReferenceBuilder()
                            .withUid("another")
                            .withKind("Deployment")
                            .build());
            assertThat(DependentCheck.decide(job, wanted, Optional.of(there))).isEqualTo(new DependentCheck.KeepAsIs());
        }
        assertThat(decide(config, "{\"data\": {\"theirs\": \"1\"}}")).isEqualTo(new DependentCheck.KeepAsIs());
        assertThat(decide(progress, "{\"data\": {\"job-0\": \"{}\"}}")).isEqualTo(new DependentCheck.KeepAsIs());
        assertThat(decide(config, "{\"immutable\": true}"))
                .as("until it has to change")
                .isEqualTo(new DependentCheck.KeepAsIs());
        assertThat(decide(binding, """
                {"subjects": [{"kind": "ServiceAccount", "apiGroup": "", "name": "job-trainer", "namespace": "ns"}]}
                """)).as("a default of the API server").isEqualTo(new DependentCheck.KeepAsIs());
    }

    /** Any set of changes is undone by one patch, which changes nothing else, and after which nothing differs. */
    @Test
    void onePatchUndoesAnyChanges() {
        List<String> changes = List.of(
                "{\"metadata\": {\"labels\": null}}",
                "{\"metadata\": {\"labels\": {\"swav.io/job\": \"other\"}}}",
                "{\"metadata\": {\"labels\": {\"theirs\": \"1\"}}}",
                "{\"metadata\": {\"ownerReferences\": null}}",
                "{\"metadata\": {\"ownerReferences\": [{\"uid\": \"uid-1\", \"controller\": false}]}}",
                "{\"metadata\": {\"ownerReferences\": [{\"uid\": \"x\", \"kind\": \"Deployment\"}]}}",
                "{\"rules\": []}",
                "{\"rules\": [{\"apiGroups\": [\"*\"], \"resources\": [\"*\"], \"verbs\": [\"*\"]}]}",
                "{\"spec\": null}",
                "{\"spec\": {\"minMember\": 1, \"minResources\": {\"cpu\": \"1\"}}}",
                "{\"subjects\": null}",
                "{\"subjects\": [{\"kind\": \"ServiceAccount\", \"name\": \"default\", \"namespace\": \"ns\"}]}",
                "{\"data\": null}",
                "{\"data\": {\"job.json\": \"{}\", \"more\": \"1\"}}",
                "{\"data\": null, \"binaryData\": {\"job.json\": \"e30=\"}}");
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            HasMetadata wanted = all.get(random.nextInt(all.size()));
            ObjectNode there = JSON.valueToTree(stored(wanted));
            for (int i = 0; i <= random.nextInt(3); i++) {
                merge(there, json(changes.get(random.nextInt(changes.size()))));
            }
            HasMetadata found = read(there, wanted);
            Action action = DependentCheck.decide(job, wanted, Optional.of(found));
            if (action instanceof PutBack putBack) {
                merge(there, putBack.patch());
                assertThat(putBack.patch().at("/metadata/uid").asText()).isEqualTo("its-uid");
                HasMetadata after = read(there, wanted);
                assertThat(DependentCheck.decide(job, wanted, Optional.of(after)))
                        .as("seed %s, %s after %s", seed, found, putBack.patch())
                        .isEqualTo(new DependentCheck.KeepAsIs());
                assertThat(after.getMetadata().getLabels().get("theirs"))
                        .as("seed %s", seed)
                        .isEqualTo(Optional.ofNullable(found.getMetadata().getLabels())
                                .map(labels -> labels.get("theirs"))
                                .orElse(null));
                assertThat(after.getMetadata().getOwnerReferences())
                        .as("seed %s", seed)
                        .filteredOn(owner -> owner.getUid().equals("x"))
                        .hasSameSizeAs(found.getMetadata().getOwnerReferences().stream()
                                .filter(owner -> owner.getUid().equals("x"))
                                .toList());
            } else {
                assertThat(action).as("seed %s, %s", seed, found).isEqualTo(new DependentCheck.KeepAsIs());
            }
        }
    }

    @Test
    void namesWhatWasChanged() {
        assertThat(what(role, "{\"rules\": [], \"metadata\": {\"labels\": null, \"ownerReferences\": null}}"))
                .containsExactly("labels", "ownerReferences", "rules");
        assertThat(what(binding, "{\"subjects\": []}")).containsExactly("subjects");
        assertThat(what(config, "{\"data\": {\"job.json\": \"{}\"}}")).containsExactly("data");
    }

    /** The scheduler, its webhooks and people may add fields to a PodGroup. */
    @Test
    void ofAPodGroupOnlyWhatTheOperatorWritesIsCompared() {
        HasMetadata group = group(GangApi.VOLCANO);
        assertThat(decide(group, "{\"spec\": {\"queue\": \"default\", \"minResources\": {\"cpu\": \"1\"}}}"))
                .isEqualTo(new DependentCheck.KeepAsIs());
        assertThat(what(group, "{\"spec\": {\"minMember\": 3}}")).containsExactly("spec");
        HasMetadata kubernetes = group(GangApi.KUBERNETES);
        assertThat(decide(kubernetes, "{\"spec\": {\"priority\": 5}}")).isEqualTo(new DependentCheck.KeepAsIs());
        assertThat(decide(kubernetes, "{\"spec\": {\"schedulingPolicy\": {\"gang\": {\"minCount\": 3}}}}"))
                .isEqualTo(new DependentCheck.Recreate("schedulingPolicy"));
    }

    private HasMetadata group(GangApi api) {
        return PodGroups.of(job, new GangChoice.OfGroup(api, api.versions().get(0), 2, true, false));
    }

    @Test
    void whatNobodyCanChangeIsCreatedAgain() {
        assertThat(decide(binding, "{\"roleRef\": {\"name\": \"admin\"}}"))
                .isEqualTo(new DependentCheck.Recreate("roleRef"));
        assertThat(decide(progress, "{\"immutable\": true}")).isEqualTo(new DependentCheck.Recreate("immutable"));
        assertThat(decide(config, "{\"immutable\": true, \"data\": null}"))
                .isEqualTo(new DependentCheck.Recreate("immutable"));
        assertThat(decide(
                        progress,
                        "{\"immutable\": true, \"metadata\": {\"deletionTimestamp\": \"" + CREATED
                                + "\", \"finalizers\": [\"example.com/x\"]}}"))
                .isEqualTo(new DependentCheck.Pinned(List.of("example.com/x")));
    }

    @Test
    void whatIsNotTheJobsIsLeftWhateverItContains() {
        List<Consumer<HasMetadata>> foreign = List.of(
                there -> there.getMetadata().setManagedFields(List.of()),
                there -> there.getMetadata()
                        .setManagedFields(List.of(new ManagedFieldsEntryBuilder()
                                .withManager("kubectl")
                                .build())));
        for (HasMetadata wanted : all) {
            for (Consumer<HasMetadata> change : foreign) {
                HasMetadata there = stored(wanted);
                there.getMetadata().setOwnerReferences(new ArrayList<>());
                change.accept(there);
                assertThat(DependentCheck.decide(job, wanted, Optional.of(there)))
                        .as("labels alone do not show an owner")
                        .isEqualTo(new DependentCheck.Leave(Ownership.FOREIGN));
            }
            HasMetadata controlled = stored(wanted);
            controlled
                    .getMetadata()
                    .setOwnerReferences(List.of(new OwnerReferenceBuilder()
                            .withUid("another")
                            .withKind("Deployment")
                            .withController(true)
                            .build()));
            assertThat(DependentCheck.decide(job, wanted, Optional.of(controlled)))
                    .as("another controller's, although the operator wrote it once")
                    .isEqualTo(new DependentCheck.Leave(Ownership.FOREIGN));
            HasMetadata remnant = stored(wanted);
            remnant.getMetadata().getOwnerReferences().get(0).setUid("of-an-earlier-job");
            assertThat(DependentCheck.decide(job, wanted, Optional.of(remnant)))
                    .isEqualTo(new DependentCheck.Leave(Ownership.REMNANT));
        }
    }

    @Test
    void namesTheProgramThatChangedAnObjectLast() {
        HasMetadata there = stored(role);
        there.getMetadata()
                .setManagedFields(List.of(
                        entry("swav-operator", "2026-01-03T00:00:00Z"),
                        entry("kubectl-edit", "2026-01-02T00:00:00Z"),
                        entry("helm", "2026-01-01T00:00:00Z")));
        assertThat(DependentCheck.lastEditor(there)).contains("kubectl-edit");
        assertThat(DependentCheck.lastEditor(role)).isEmpty();
    }

    private static ManagedFieldsEntry entry(String manager, String time) {
        return new ManagedFieldsEntryBuilder()
                .withManager(manager)
                .withTime(time)
                .build();
    }

    private List<String> what(HasMetadata wanted, String change) {
        return ((PutBack) decide(wanted, change)).what();
    }

    private Action decide(HasMetadata wanted, String change) {
        ObjectNode there = JSON.valueToTree(stored(wanted));
        merge(there, json(change));
        return DependentCheck.decide(job, wanted, Optional.of(read(there, wanted)));
    }

    /** The object as the API server returns it after the operator has created it. */
    private static HasMetadata stored(HasMetadata wanted) {
        HasMetadata copy = read(JSON.valueToTree(wanted), wanted);
        copy.setMetadata(new ObjectMetaBuilder(copy.getMetadata())
                .withUid("its-uid")
                .withResourceVersion("7")
                .withManagedFields(entry("swav-operator", CREATED))
                .build());
        return copy;
    }

    private static HasMetadata read(JsonNode json, HasMetadata like) {
        return JSON.convertValue(json, like.getClass());
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    /** Applies a JSON merge patch (RFC 7396). */
    private static void merge(ObjectNode target, JsonNode patch) {
        patch.properties().forEach(field -> {
            if (field.getValue().isNull()) {
                target.remove(field.getKey());
            } else if (field.getValue().isObject()) {
                merge(target.withObject("/" + field.getKey().replace("~", "~0").replace("/", "~1")), field.getValue());
            } else {
                target.set(field.getKey(), field.getValue());
            }
        });
    }
}
