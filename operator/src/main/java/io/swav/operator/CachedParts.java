package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonIncludeProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntry;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;

/**
 * What the operator's client leaves out of the objects that it receives, because nothing reads it: the caches hold every
 * job, its pods and maps, and every node. It is left out while JSON is parsed, which spares the garbage, too. An item
 * store of an informer (rejected) is shared by the informers of several namespaces, each of which would delete the
 * others' objects when it lists again.
 */
final class CachedParts {
    /** The fields that a manager owns: as many bytes as the fields themselves. Who wrote an object, and when, stays. */
    @JsonIgnoreProperties(value = "fieldsV1", allowGetters = true)
    private interface WithoutOwnedFields {}

    /** A node lists up to 50 images with all their names. */
    @JsonIncludeProperties("conditions")
    private interface OnlyConditions {}

    private CachedParts() {}

    /** Returns the serialization of the operator's client. */
    static KubernetesSerialization serialization() {
        ObjectMapper mapper = new ObjectMapper();
        mapper.addMixIn(ManagedFieldsEntry.class, WithoutOwnedFields.class);
        mapper.addMixIn(NodeStatus.class, OnlyConditions.class);
        return new KubernetesSerialization(mapper, true);
    }
}
