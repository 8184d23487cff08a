package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/** Supplies the crops of a group: one array for each entry of spec.crops, as {@code CropBatches.group} does. */
@FunctionalInterface
public interface CropSource {
    List<NDArray> group(NDManager manager, int group);
}
