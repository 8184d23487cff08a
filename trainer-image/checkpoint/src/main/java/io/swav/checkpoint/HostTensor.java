package io.swav.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.swav.api.Shown;
import io.swav.torch.HostView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Values in host memory outside libtorch: checkpoints are written from them while training continues, and read into
 * them.
 *
 * @param bytes all elements, row-major, little endian
 */
public record HostTensor(DataType type, List<Long> shape, ByteBuffer bytes) {
    public HostTensor {
        long elements = 1;
        for (long side : shape) {
            elements *= side;
        }
        if (elements * type.getNumOfBytes() != bytes.capacity()) {
            throw new IllegalArgumentException(bytes.capacity() + " bytes for " + type + " of shape " + shape);
        }
        shape = List.copyOf(shape);
        bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Writes values into arrays of the same names, types and shapes.
     *
     * @param what names the source in messages
     * @throws IllegalArgumentException naming what is missing, superfluous or of another shape
     */
    public static void restore(Map<String, HostTensor> from, Map<String, NDArray> into, String what) {
        mismatch(from, into, what).ifPresent(mismatch -> {
            throw new IllegalArgumentException(mismatch);
        });
        into.forEach((name, array) -> {
            HostView own = HostView.toFill(array);
            own.bytes()
                    .put(Objects.requireNonNull(from.get(name))
                            .bytes()
                            .duplicate()
                            .clear());
            own.store();
        });
    }

    /**
     * Returns what is missing, superfluous or of another type or shape; empty if {@link #restore} can write all values.
     *
     * @param what names the source
     */
    public static Optional<String> mismatch(Map<String, HostTensor> from, Map<String, NDArray> into, String what) {
        if (!from.keySet().equals(into.keySet())) {
            return Optional.of(what + " holds " + difference(from, into) + " that the model lacks, and lacks "
                    + difference(into, from));
        }
        return into.entrySet().stream()
                .filter(entry -> !fits(from.get(entry.getKey()), entry.getValue()))
                .map(entry -> what + ": " + entry.getKey() + " is " + from.get(entry.getKey()) + ", the model's is "
                        + entry.getValue().getDataType() + " " + shape(entry.getValue()))
                .findFirst();
    }

    private static boolean fits(@Nullable HostTensor tensor, NDArray array) {
        return tensor != null
                && tensor.type() == array.getDataType()
                && tensor.shape().equals(shape(array));
    }

    private static List<Long> shape(NDArray array) {
        return Arrays.stream(array.getShape().getShape()).boxed().toList();
    }

    private static List<String> difference(Map<String, ?> of, Map<String, ?> without) {
        return of.keySet().stream()
                .filter(name -> !without.containsKey(name))
                .limit(5)
                .map(Shown::of)
                .toList();
    }

    @Override
    public String toString() {
        return type + " " + Shown.of(shape.toString());
    }
}
