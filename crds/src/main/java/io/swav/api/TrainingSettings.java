package io.swav.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The resolved settings of a job that its trainers must have in common: every field of the spec except those that are
 * named here. A field that a later version adds is therefore covered from its first day. {@code training.epochs} is the
 * number with which the job began, see {@link EpochSchedule}.
 */
public final class TrainingSettings {
    /**
     * Fields that change no bit of the training and no message between trainers. {@code data.uri} is one of them: a
     * volume may be mounted anywhere, a service reached by several addresses, and its contents have a fingerprint of their
     * own.
     */
    private static final Set<String> WITHOUT_EFFECT = Set.of(
            "replicas",
            "suspend",
            "elastic",
            "template",
            "checkpoint",
            "recovery",
            "rollout",
            "scheduling",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
            "recipe", // what it sets is covered field by field
            "data.uri",
            "data.evalUri",
            "data.workers",
            "data.imageExtension",
            "data.labelExtension",
            "data.maxBadSamples",
            "data.s3",
            "data.cache",
            "data.growCheckSeconds");

    /** Values that mean what unset means. A spec has them only where its recipe sets something else. */
    private static final Map<String, String> AS_UNSET =
            Map.of("model.headNorm", "true", "training.optimizer.excludeBiasAndNorm", "false");

    private static final String REPRODUCIBILITY = "training.reproducibility";
    /** Mode Fast promises no bits that depend on it, so trainers may differ in it. */
    private static final String THREADS = "training.threads";

    private static final ObjectMapper JSON = new ObjectMapper();

    private TrainingSettings() {}

    /** Returns the settings by their path, for example {@code training.optimizer.momentum} and {@code crops[0].size}. */
    public static SortedMap<String, String> of(SwavJobSpec spec) {
        NavigableMap<String, String> settings = new TreeMap<>();
        add(settings, "", JSON.valueToTree(spec));
        AS_UNSET.forEach(settings::remove);
        return settings;
    }

    private static void add(SortedMap<String, String> settings, String path, JsonNode value) {
        if (WITHOUT_EFFECT.contains(path)) {
            return;
        }
        if (value.isObject()) {
            value.properties()
                    .forEach(field -> add(
                            settings, path.isEmpty() ? field.getKey() : path + "." + field.getKey(), field.getValue()));
        } else if (value.isArray()) {
            for (int i = 0; i < value.size(); i++) {
                add(settings, path + "[" + i + "]", value.get(i));
            }
        } else if (!value.isNull()) {
            settings.put(path, value.asText());
        }
    }

    /** Returns the digest of these settings, 16 hexadecimal digits. */
    public static String digest(SortedMap<String, String> settings) {
        SortedMap<String, String> digested = new TreeMap<>(settings);
        if (TrainingSpec.Reproducibility.Fast.name().equals(settings.get(REPRODUCIBILITY))) {
            digested.remove(THREADS);
        }
        StringBuilder text = new StringBuilder();
        digested.forEach(
                (path, value) -> text.append(path).append('=').append(value).append('\n'));
        return Fingerprints.digest(text.toString().getBytes(StandardCharsets.UTF_8));
    }
}
