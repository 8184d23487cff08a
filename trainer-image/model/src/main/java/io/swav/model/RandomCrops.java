package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.common.KeyedRandom;
import java.util.ArrayList;
import java.util.List;

/** Crops without images, for benchmarks and tests: noise between -2 and 2 that depends only on a key. */
public final class RandomCrops {
    private RandomCrops() {}

    /**
     * Creates the crops of one group.
     *
     * @return for each entry of {@code resolutions}, (count · group, 3, side, side)
     */
    public static List<NDArray> of(NDManager manager, List<StepSettings.Crops> resolutions, int group, long key) {
        KeyedRandom random = KeyedRandom.ofState(key);
        List<NDArray> arrays = new ArrayList<>();
        for (StepSettings.Crops crops : resolutions) {
            int images = crops.count() * group;
            float[] values = new float[images * 3 * crops.side() * crops.side()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (random.nextDouble() * 4 - 2);
            }
            arrays.add(manager.create(values, new Shape(images, 3, crops.side(), crops.side())));
        }
        return arrays;
    }
}
