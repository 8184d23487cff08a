package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.OwnerReference;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.api.model.rbac.Subject;
import io.swav.api.SwavJob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Decides what has to be done about one object of a job, as a pure function of what is there and what should be. Only what
 * the operator writes is compared: others may add labels, annotations, owners and keys.
 */
final class DependentCheck {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Of a PodGroup of scheduling.k8s.io: its minCount is immutable in v1alpha2. */
    private static final String SCHEDULING_POLICY = "schedulingPolicy";

    /** What has to be done. */
    sealed interface Action {}

    /** Nothing: the object is as it should be. */
    record KeepAsIs() implements Action {}

    /** There is none. */
    record Create() implements Action {}

    /**
     * Parts were changed that can be written again.
     *
     * @param what the parts, in the words of Kubernetes
     * @param patch a JSON merge patch; it fails if another object has taken the name meanwhile
     */
    record PutBack(List<String> what, ObjectNode patch) implements Action {}

    /**
     * A part was changed that the API server lets nobody change.
     *
     * @param what the part
     */
    record Recreate(String what) implements Action {}

    /** It is not the job's. */
    record Leave(Ownership owner) implements Action {}

    /**
     * It would have to be created again, but is being deleted and waits for these finalizers.
     *
     * @param finalizers names of others
     */
    record Pinned(List<String> finalizers) implements Action {}

    private DependentCheck() {}

    /** Returns what has to be done so that {@code found} becomes as {@code wanted}, an object of the same kind and name. */
    static Action decide(SwavJob job, HasMetadata wanted, Optional<? extends HasMetadata> found) {
        if (found.isEmpty()) {
            return new Create();
        }
        HasMetadata there = found.get();
        Ownership owner = Ownership.of(there, job);
        if (owner != Ownership.OURS) {
            return new Leave(owner);
        }
        Optional<String> fixed = fixedDifference(wanted, there);
        if (fixed.isPresent()) {
            return there.getMetadata().getDeletionTimestamp() == null
                    ? new Recreate(fixed.get())
                    : new Pinned(there.getMetadata().getFinalizers());
        }
        List<String> what = new ArrayList<>();
        ObjectNode patch = JSON.createObjectNode();
        compareMetadata(wanted.getMetadata(), there.getMetadata(), what, patch);
        compareContents(wanted, there, what, patch);
        if (what.isEmpty()) {
            return new KeepAsIs();
        }
        patch.withObject("/metadata").put("uid", there.getMetadata().getUid());
        return new PutBack(List.copyOf(what), patch);
    }

    /** Whether labels and owner are as the operator writes them. */
    static boolean isMetadataIntact(ObjectMeta wanted, ObjectMeta found) {
        return metadataPatch(wanted, found).isEmpty();
    }

    /** Returns a merge patch that gives the object the job's labels and owner; an empty one if it has them. */
    static ObjectNode metadataPatch(ObjectMeta wanted, ObjectMeta found) {
        ObjectNode patch = JSON.createObjectNode();
        compareMetadata(wanted, found, new ArrayList<>(), patch);
        return patch;
    }

    private static void compareMetadata(ObjectMeta wanted, ObjectMeta found, List<String> what, ObjectNode patch) {
        Map<String, String> labels = Objects.requireNonNullElse(found.getLabels(), Map.of());
        if (!labels.entrySet().containsAll(wanted.getLabels().entrySet())) {
            what.add("labels");
            patch.withObject("/metadata").set("labels", JSON.valueToTree(wanted.getLabels()));
        }
        List<OwnerReference> owners = found.getOwnerReferences();
        if (!owners.containsAll(wanted.getOwnerReferences())) {
            what.add("ownerReferences");
            String uid = wanted.getOwnerReferences().get(0).getUid();
            List<OwnerReference> all = Stream.concat(
                            wanted.getOwnerReferences().stream(),
                            owners.stream().filter(owner -> !uid.equals(owner.getUid())))
                    .toList();
            patch.withObject("/metadata").set("ownerReferences", JSON.valueToTree(all));
        }
    }

    private static void compareContents(HasMetadata wanted, HasMetadata found, List<String> what, ObjectNode patch) {
        if (wanted instanceof Role role && found instanceof Role there) {
            if (!role.getRules().equals(there.getRules())) {
                set("rules", role.getRules(), what, patch);
            }
        } else if (wanted instanceof RoleBinding binding && found instanceof RoleBinding there) {
            if (!subjects(binding).equals(subjects(there))) {
                set("subjects", binding.getSubjects(), what, patch);
            }
        } else if (wanted instanceof GenericKubernetesResource group
                && found instanceof GenericKubernetesResource there) {
            if (!hasAll(spec(group), spec(there))) {
                set("spec", spec(group), what, patch);
            }
        } else if (wanted instanceof ConfigMap map && found instanceof ConfigMap there && !hasData(map, there)) {
            set("data", map.getData(), what, patch);
            // a key of both would be refused
            map.getData().keySet().stream()
                    .filter(there.getBinaryData()::containsKey)
                    .forEach(key -> patch.withObject("/binaryData").putNull(key));
        }
    }

    private static JsonNode spec(GenericKubernetesResource object) {
        return JSON.valueToTree(object.getAdditionalProperties().get("spec"));
    }

    /** Whether every field of {@code wanted} is in {@code found}; the scheduler adds others. */
    private static boolean hasAll(JsonNode wanted, JsonNode found) {
        return wanted.isObject()
                ? wanted.properties().stream().allMatch(field -> hasAll(field.getValue(), found.path(field.getKey())))
                : wanted.asText().equals(found.asText()) && !found.isContainerNode();
    }

    private static void set(String field, Object value, List<String> what, ObjectNode patch) {
        what.add(field);
        patch.set(field, JSON.<JsonNode>valueToTree(value));
    }

    private static boolean hasData(ConfigMap wanted, ConfigMap found) {
        return found.getData().entrySet().containsAll(wanted.getData().entrySet());
    }

    /** Returns what a role is bound to, without the fields that the API server fills in. */
    private static List<String> subjects(RoleBinding binding) {
        return binding.getSubjects().stream().map(DependentCheck::name).toList();
    }

    private static String name(Subject subject) {
        return subject.getKind() + " " + subject.getNamespace() + "/" + subject.getName();
    }

    /**
     * Names a difference that no patch removes: the role of a binding, the policy of Kubernetes' own PodGroup, and data that
     * was made immutable.
     */
    private static Optional<String> fixedDifference(HasMetadata wanted, HasMetadata found) {
        if (wanted instanceof GenericKubernetesResource group && found instanceof GenericKubernetesResource there) {
            boolean isFixed = spec(group).has(SCHEDULING_POLICY);
            return isFixed && !hasAll(spec(group), spec(there)) ? Optional.of(SCHEDULING_POLICY) : Optional.empty();
        }
        if (wanted instanceof RoleBinding binding && found instanceof RoleBinding there) {
            return binding.getRoleRef().equals(there.getRoleRef()) ? Optional.empty() : Optional.of("roleRef");
        }
        if (wanted instanceof ConfigMap map
                && found instanceof ConfigMap there
                && Boolean.TRUE.equals(there.getImmutable())) {
            boolean othersWrite = map.getData().isEmpty();
            return othersWrite || !hasData(map, there) ? Optional.of("immutable") : Optional.empty();
        }
        return Optional.empty();
    }

    /** Returns the name of the program that changed the object last, apart from the operator, as the API server knows it. */
    static Optional<String> lastEditor(HasMetadata object) {
        return object.getMetadata().getManagedFields().stream()
                .filter(entry -> entry.getManager() != null && entry.getTime() != null)
                .filter(entry -> !OwnerMetadata.FIELD_MANAGER.equals(entry.getManager()))
                .max(Comparator.comparing(ManagedFieldsEntry::getTime))
                .map(ManagedFieldsEntry::getManager);
    }
}
