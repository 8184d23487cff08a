package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.swav.api.ResourceNames;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import java.util.Map;

/** The job's ConfigMaps {@code <job>-config} and {@link ProgressMaps} and its Secret {@code <job>-handshake}. */
final class JobResources {
    private JobResources() {}

    /**
     * Returns the trainers' configuration: the last accepted spec without its template.
     *
     * @param epochs with which the job began: trainers compare them, and checkpoints belong to them
     */
    static ConfigMap config(SwavJob job, SwavJobSpec accepted, int epochs) {
        return new ConfigMapBuilder()
                .withMetadata(OwnerMetadata.meta(
                        job, ResourceNames.configName(job.getMetadata().getName())))
                .withData(Map.of(ResourceNames.CONFIG_KEY, SpecLoader.config(accepted.withEpochs(epochs))))
                .build();
    }

    /** Returns an empty progress map: its keys belong to the trainers, which may patch it but not create it. */
    static ConfigMap progress(SwavJob job, String name) {
        return new ConfigMapBuilder()
                .withMetadata(OwnerMetadata.meta(job, name))
                .build();
    }

    /**
     * Returns the Secret with the handshake key of the trainers, which never changes while a trainer runs that has read
     * it.
     *
     * @param key hexadecimal
     */
    static Secret handshake(SwavJob job, String key) {
        return new SecretBuilder()
                .withMetadata(OwnerMetadata.meta(
                        job, ResourceNames.handshakeName(job.getMetadata().getName())))
                .withType("Opaque")
                .withStringData(Map.of(ResourceNames.SECRET_KEY, key))
                .build();
    }
}
