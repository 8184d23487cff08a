package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The first value that was found to be NaN or infinite, in the order in which a step computes them.
 *
 * @param group of the global batch; {@link #STATE} for the state, which all groups share
 * @param tensor where it is, for people: "crop 0", "the gradient of layer1.0.conv1.weight"
 * @param loss of the group by itself, nats; NaN for the state
 * @param gradientNorm of the group by itself, Euclidean over all parameters; NaN for the state
 */
public record NotFiniteValue(int group, String tensor, double loss, double gradientNorm) {
    /** The {@link #group} of a value in the state. */
    public static final int STATE = -1;

    /** The number of tensors of the state that are named. */
    private static final int NAMED = 5;

    /** Whether the value is in the state, not in a group's part of a step. */
    public boolean inState() {
        return group == STATE;
    }

    /**
     * Searches the state.
     *
     * @param model by name
     * @param optimizer by name
     * @return the first tensors that are not finite
     */
    public static List<NotFiniteValue> ofState(Map<String, NDArray> model, Map<String, NDArray> optimizer) {
        List<NotFiniteValue> found = new ArrayList<>();
        model.forEach((name, array) -> add(found, name, array));
        optimizer.forEach((name, array) ->
                add(found, name.equals(Learner.QUEUE) ? "the queue" : "the momentum of " + name, array));
        return List.copyOf(found);
    }

    private static void add(List<NotFiniteValue> found, String name, NDArray array) {
        if (found.size() < NAMED && !isFinite(array)) {
            found.add(new NotFiniteValue(STATE, name, Double.NaN, Double.NaN));
        }
    }

    /** Returns the first of these arrays that is not finite, with its number after the name. */
    static Optional<String> first(String name, List<NDArray> arrays) {
        for (int i = 0; i < arrays.size(); i++) {
            if (!isFinite(arrays.get(i))) {
                return Optional.of(name + " " + i);
            }
        }
        return Optional.empty();
    }

    /** Returns whether no value is NaN or infinite; true for integers. */
    static boolean isFinite(NDArray array) {
        if (!array.getDataType().isFloating()) {
            return true;
        }
        try (NDManager scope = array.getManager().newSubManager()) { // minimum and maximum are NaN if any value is
            NDArray least = array.min();
            NDArray most = array.max();
            least.attach(scope);
            most.attach(scope);
            return Arrays.stream(TorchOps.read(List.of(least, most))).allMatch(Double::isFinite);
        }
    }
}
