package io.swav.swav;

import ai.djl.ndarray.NDArray;
import io.swav.tensor.Kernels;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * LARC around SGD with momentum (no dampening, no Nesterov). Where neither a parameter nor its gradient is all zero,
 * g becomes (g + wd·p)·η‖p‖/(‖g‖ + wd‖p‖ + 1e-8); a parameter that is exactly zero takes its raw gradient.
 *
 * @param momentum of SGD
 * @param weightDecay wd
 * @param trust η
 * @param clip whether the scale is at most 1 times the learning rate, i.e. min(scale/lr, 1)
 */
public record Larc(double momentum, double weightDecay, double trust, boolean clip) {
    private static final double EPSILON = 1e-8;

    /** One parameter with what moves it, all of one shape; a step changes all three in place. */
    public record Slot(NDArray parameter, NDArray gradient, NDArray velocity) {}

    /**
     * One optimizer step. Velocities start as zeros; parameters without a gradient are simply not in the list.
     *
     * @throws NotFiniteException when a gradient or a parameter is; nothing is changed then
     */
    public void step(List<Slot> slots, double learningRate, long globalStep) {
        List<NDArray> arrays = new ArrayList<>();
        slots.forEach(slot -> arrays.add(slot.parameter()));
        slots.forEach(slot -> arrays.add(slot.gradient()));
        double[] norms = Kernels.norms(arrays);
        if (!DoubleStream.of(norms).allMatch(Double::isFinite)) {
            throw new NotFiniteException("a gradient", globalStep);
        }
        for (int i = 0; i < slots.size(); i++) {
            Slot slot = slots.get(i);
            double p = norms[i];
            double g = norms[slots.size() + i];
            double scale = 1;
            if (p != 0 && g != 0) {
                scale = trust * p / (g + weightDecay * p + EPSILON);
                if (clip) {
                    scale = Math.min(scale / learningRate, 1);
                }
                Kernels.addScaled(slot.gradient(), slot.parameter(), weightDecay);
            }
            slot.velocity().muli(momentum);
            Kernels.addScaled(slot.velocity(), slot.gradient(), scale);
            Kernels.addScaled(slot.parameter(), slot.velocity(), -learningRate);
        }
    }
}
