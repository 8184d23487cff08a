package io.swav.trainer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.DataSpec;
import io.swav.api.SwavJobSpec;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * A digest of the configuration that determines the weights: a checkpoint with another digest belongs to another
 * training.
 */
final class ConfigDigest {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();
    /** Fields that determine how long and how exactly the result is computed, not what it is. */
    private static final List<String> LEFT_OUT = List.of("maxSteps", "reproducibility", "threads", "gradients");

    /** What two configurations must have in common to resume from each other's checkpoints, in words. */
    static final String COVERS =
            "model, data.uri, data.augmentOn, data.maxPixels, data.exifOrientation, crops, assignment, and training"
                    + " without "
                    + String.join(", ", LEFT_OUT);

    private ConfigDigest() {}

    /**
     * Returns the first 16 hex digits of SHA-256 over model, data with where it is augmented, which images are too large
     * and whether they are turned, crops, assignment and training.
     */
    static String of(SwavJobSpec spec) {
        ObjectNode all = JSON.createObjectNode();
        all.set("model", JSON.valueToTree(spec.model()));
        all.put("data", spec.data().uri());
        if (spec.data().augmentOn() == DataSpec.AugmentOn.Device) { // older checkpoints are from host crops
            all.put("augmentOn", "Device");
        }
        if (spec.data().maxPixels() != DataSpec.MAX_PIXELS) { // older checkpoints are from jobs without it
            all.put("maxPixels", spec.data().maxPixels());
        }
        if (spec.data().exifOrientation() == DataSpec.ExifOrientation.Apply) { // older checkpoints are without it
            all.put("exifOrientation", "Apply");
        }
        all.set("crops", JSON.valueToTree(spec.crops()));
        all.set("assignment", JSON.valueToTree(spec.assignment()));
        ObjectNode training = JSON.valueToTree(spec.training());
        all.set("training", training.without(LEFT_OUT));
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256")
                    .digest(JSON.writeValueAsString(all).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest, 0, 8);
        } catch (NoSuchAlgorithmException | JsonProcessingException e) {
            throw new IllegalStateException("every JDK has SHA-256, and a record is valid JSON", e);
        }
    }
}
