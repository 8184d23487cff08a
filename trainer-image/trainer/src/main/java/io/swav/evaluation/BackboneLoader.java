package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.checkpoint.BackboneWeights;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.checkpoint.SafetensorsHeader;
import io.swav.checkpoint.pytorch.ForeignWeights;
import io.swav.checkpoint.pytorch.PyTorchFile;
import io.swav.model.Architecture;
import io.swav.model.Model;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

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

    /**
     * Returns what a file of weights states about its network and training: {@code architecture}, {@code stem}, {@code
     * crop_size}, as far as it does. An export has it in its metadata, a checkpoint in the {@code state.json} beside.
     *
     * @param path as for {@link #load}
     * @throws EvalException if the file cannot be read
     */
    static Map<String, String> described(Path path) {
        Path file = file(path);
        try {
            Map<String, String> described = new LinkedHashMap<>(
                    PyTorchFile.matches(file)
                            ? PyTorchFile.metadata(file)
                            : SafetensorsHeader.read(file).metadata());
            Path folder = file.toAbsolutePath().getParent();
            if (folder != null && file.endsWith(MODEL)) {
                CheckpointState.read(folder).map(BackboneWeights::described).ifPresent(described::putAll);
            }
            return described;
        } catch (IOException e) {
            throw cannotRead(file, e);
        }
    }

    private static Path file(Path path) {
        return Files.isDirectory(path) ? path.resolve(MODEL) : path;
    }

    private static EvalException cannotRead(Path file, IOException e) {
        boolean there = Files.exists(file);
        return new EvalException(
                there ? ExitCodes.BAD_DATA : ExitCodes.NO_INPUT,
                "cannot read weights " + file + ": " + (there ? e.getMessage() : "there is no such file"));
    }

    /** Reads the backbone's tensors from an export, a model.safetensors, or the folder of a checkpoint. */
    static Map<String, HostTensor> backbone(Path path) {
        Path file = file(path);
        try {
            return BackboneWeights.of(
                    PyTorchFile.matches(file)
                            ? ForeignWeights.read(file, Optional.empty(), Optional.empty())
                                    .tensors()
                            : Safetensors.read(file));
        } catch (IOException e) {
            throw cannotRead(file, e);
        }
    }
}
