package io.swav.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;

/** The part of a model that is useful elsewhere: torchvision's network without its classifier. */
public final class BackboneWeights {
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
}
