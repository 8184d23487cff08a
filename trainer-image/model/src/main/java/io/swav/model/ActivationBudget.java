package io.swav.model;

import io.swav.torch.DeviceMemory;
import io.swav.torch.HostMemory;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;

/**
 * Decides whether memory can hold the activations that backward needs for one more micro-batch, in addition to those
 * already kept. If it cannot, the micro-batch's forward pass is run twice, which gives the same bits.
 */
final class ActivationBudget {
    private final long budget;
    private long perMicroBatch;

    /** Creates a budget of half the memory that is free now on the device that computes. */
    ActivationBudget() {
        this(free() / 2);
    }

    ActivationBudget(long budget) {
        this.budget = budget;
    }

    /**
     * Returns whether to keep the next micro-batch's activations; called before its forward. The micro-batches before
     * it hold {@code kept} bytes. The first one is always kept.
     */
    boolean keepsAnother(long kept) {
        // the one after next needs room too: a second forward holds a whole micro-batch while it runs
        return kept == 0 || kept + 2 * perMicroBatch <= budget;
    }

    void learned(long bytes) {
        perMicroBatch = Math.max(perMicroBatch, bytes);
    }

    /** Returns the free memory. If a device does not report it, this is 0, and only one micro-batch is kept. */
    private static long free() {
        return TorchRuntime.onGpu()
                ? DeviceMemory.free().orElse(0)
                : new HostMemory(Path.of("/"))
                        .free()
                        .orElse(Runtime.getRuntime().maxMemory());
    }
}
