package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.swav.checkpoint.HostTensor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The tensors of a file that a model has taken.
 *
 * @param count of tensors taken
 * @param notes sentences about what was taken otherwise than it was, or not at all
 */
record ImportedTensors(int count, List<String> notes) {
    private static final String COUNTER = ".num_batches_tracked";

    /** Parts of SwAV's network that a file may lack, and what a message calls them. */
    private static final Map<String, String> OPTIONAL =
            Map.of("projection_head.", "the projection head", "prototypes.", "the prototypes");

    /**
     * Copies a file's tensors into the model. The whole backbone must be given, except for counters, which old files
     * lack; projection head and prototypes are taken if they fit.
     *
     * @param what names the file in messages
     * @throws IllegalArgumentException naming what of the backbone is missing, superfluous, or of another shape; nothing is
     *     changed then
     */
    static ImportedTensors copy(Map<String, HostTensor> given, Map<String, NDArray> model, String what) {
        List<String> notes = new ArrayList<>();
        Map<String, HostTensor> from = new LinkedHashMap<>();
        Map<String, NDArray> into = new LinkedHashMap<>();
        int narrowed = 0;
        for (Map.Entry<String, HostTensor> entry : given.entrySet()) {
            NDArray array = model.get(entry.getKey());
            boolean isWider = entry.getValue().type() == DataType.FLOAT64
                    && array != null
                    && array.getDataType() == DataType.FLOAT32;
            from.put(entry.getKey(), isWider ? narrowed(entry.getKey(), entry.getValue()) : entry.getValue());
            narrowed += isWider ? 1 : 0;
        }
        model.forEach((name, array) -> {
            if (from.containsKey(name) || !name.endsWith(COUNTER)) {
                into.put(name, array);
            }
        });
        OPTIONAL.entrySet().stream().sorted(Map.Entry.comparingByKey()).forEach(part -> {
            Predicate<String> isPart = name -> name.startsWith(part.getKey());
            Map<String, HostTensor> ofFile = only(from, isPart);
            Optional<String> mismatch = HostTensor.mismatch(ofFile, only(into, isPart), what);
            if (mismatch.isPresent()) {
                from.keySet().removeIf(isPart);
                into.keySet().removeIf(isPart);
                notes.add("seeded values for " + part.getValue() + ": "
                        + (ofFile.isEmpty() ? "the file has none" : mismatch.get()));
            }
        });
        HostTensor.restore(from, into, what);
        if (narrowed > 0) {
            notes.add(narrowed + " tensors were rounded from float64 to float32");
        }
        return new ImportedTensors(into.size(), notes);
    }

    private static <T> Map<String, T> only(Map<String, T> of, Predicate<String> names) {
        Map<String, T> only = new LinkedHashMap<>(of);
        only.keySet().removeIf(names.negate());
        return only;
    }

    private static HostTensor narrowed(String name, HostTensor wide) {
        ByteBuffer from = wide.bytes().duplicate().clear().order(wide.bytes().order());
        ByteBuffer to = ByteBuffer.allocateDirect(from.capacity() / 2).order(from.order());
        while (from.hasRemaining()) {
            float value = (float) from.getDouble();
            if (!Float.isFinite(value)) {
                throw new IllegalArgumentException(name + " has a float64 that is too large for float32");
            }
            to.putFloat(value);
        }
        return new HostTensor(DataType.FLOAT32, wide.shape(), to.clear());
    }
}
