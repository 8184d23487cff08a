package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.BackboneWeights;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.model.Architecture;
import io.swav.model.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Loads backbones from files: an export, a checkpoint's {@code model.safetensors}, or the folder of a checkpoint. */
public final class BackboneLoader {
    private static final String MODEL = "model.safetensors";

    private BackboneLoader() {}

    /** Returns the network before any training, initialized from training.seed. */
    public static Model untrained(SwavJobSpec spec, NDManager manager) {
        Model model = new Model(Architecture.of(spec.model()), manager);
        model.initialize(spec.training().seed());
        return model;
    }

    /**
     * Returns the job's network with the backbone of {@code file}; projection head and prototypes stay untrained.
     *
     * @throws EvalException if the file cannot be read, or does not fit the job's model
     */
    public static Model load(SwavJobSpec spec, Path file, NDManager manager) {
        Model model = untrained(spec, manager);
        Map<String, NDArray> backbone = new LinkedHashMap<>(model.state());
        backbone.keySet().removeIf(name -> !BackboneWeights.isBackbone(name));
        try {
            HostTensor.restore(backbone(file), backbone, file.toString());
        } catch (IllegalArgumentException e) {
            throw new EvalException(
                    ExitCodes.BAD_DATA,
                    e.getMessage()
                            + "; check that --config is the job that trained these weights (model.architecture, model.stem)");
        }
        return model;
    }

    /** Reads the backbone's tensors from an export, a model.safetensors, or the folder of a checkpoint. */
    static Map<String, HostTensor> backbone(Path path) {
        Path file = Files.isDirectory(path) ? path.resolve(MODEL) : path;
        try {
            return BackboneWeights.of(Safetensors.read(file));
        } catch (IOException e) {
            int code = Files.exists(file) ? ExitCodes.BAD_DATA : ExitCodes.NO_INPUT;
            throw new EvalException(code, "cannot read weights " + file + ": " + e.getMessage());
        }
    }
}
