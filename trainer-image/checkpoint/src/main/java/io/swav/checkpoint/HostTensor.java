package io.swav.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.HostView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

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
        if (!from.keySet().equals(into.keySet())) {
            throw new IllegalArgumentException(what + " holds " + difference(from, into)
                    + " that the model lacks, and lacks " + difference(into, from));
        }
        into.forEach((name, array) -> {
            HostTensor tensor = from.get(name);
            List<Long> shape =
                    Arrays.stream(array.getShape().getShape()).boxed().toList();
            if (tensor == null
                    || tensor.type() != array.getDataType()
                    || !tensor.shape().equals(shape)) {
                throw new IllegalArgumentException(
                        what + ": " + name + " is " + tensor + ", the model's is " + array.getDataType() + " " + shape);
            }
            HostView own = HostView.toFill(array);
            own.bytes().put(tensor.bytes().duplicate().clear());
            own.store();
        });
    }

    private static List<String> difference(Map<String, ?> of, Map<String, ?> without) {
        return of.keySet().stream()
                .filter(name -> !without.containsKey(name))
                .limit(5)
                .toList();
    }

    @Override
    public String toString() {
        return type + " " + shape;
    }
}
