package io.swav.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.Fingerprints;
import io.swav.common.Normalization;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The part of a model that is useful elsewhere: torchvision's network without its classifier. */
public final class BackboneWeights {
    /** The names of a job's settings that a file of weights carries in its metadata, and their names there. */
    private static final Map<String, String> CARRIED = Map.of(
            "model.architecture", "architecture",
            "model.width", "width",
            "model.stem", "stem",
            "crops[0].size", "crop_size");

    private BackboneWeights() {}

    public static boolean isBackbone(String name) {
        return !name.startsWith("projection_head.") && !name.startsWith("prototypes.");
    }

    /** Returns the backbone's tensors of a whole model. */
    public static Map<String, HostTensor> of(Map<String, HostTensor> model) {
        Map<String, HostTensor> backbone = new LinkedHashMap<>(model);
        backbone.keySet().removeIf(name -> !isBackbone(name));
        return backbone;
    }

    /**
     * Returns the metadata of an exported backbone: {@code step}; {@code mean} and {@code std} of the channels, JSON lists;
     * and if the checkpoint states it, what is needed to compute features with it ({@code architecture}, {@code width} if
     * it is not the architecture's own, {@code stem}, {@code crop_size}), and the fingerprint of the training set ({@code
     * data}).
     */
    public static Map<String, String> metadata(CheckpointState state) {
        return metadata(state, List.of());
    }

    /** As {@link #metadata(CheckpointState)}, with the names of the training set's classes if it has any, as JSON. */
    static Map<String, String> metadata(CheckpointState state, List<String> classes) {
        Map<String, String> metadata = described(state);
        if (!classes.isEmpty()) {
            metadata.put("classes", new ObjectMapper().valueToTree(classes).toString());
        }
        metadata.put("format", "pt");
        metadata.put("step", Long.toString(state.step()));
        metadata.put("mean", Normalization.MEAN.toString());
        metadata.put("std", Normalization.STD.toString());
        Fingerprints with = state.trainedWith();
        if (!with.data().isEmpty()) {
            metadata.put("data", with.samples() + " images, index " + with.data());
        }
        return metadata;
    }

    /** Returns the settings of the network that a checkpoint states; without them if an earlier version saved it. */
    public static Map<String, String> described(CheckpointState state) {
        Map<String, String> settings = new TreeMap<>();
        CARRIED.forEach((path, name) -> {
            String value = state.trainedWith().settings().get(path);
            if (value != null) {
                settings.put(name, value);
            }
        });
        return settings;
    }
}
