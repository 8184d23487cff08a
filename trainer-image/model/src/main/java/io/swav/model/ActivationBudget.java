package io.swav.model;

import io.swav.torch.DeviceMemory;
import io.swav.torch.HostMemory;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;

/**
 * Decides which of the activations that backward needs memory can hold. A micro-batch that does not fit beside those
 * already kept has its forward pass run twice; one that does not fit at all has its residual blocks run again one by one.
 * Both give the same bits.
 */
final class ActivationBudget {
    private final long budget;
    private final long most;
    private long perGroup;

    /** Creates a budget of half the memory that is free now on the device that computes, three quarters for the most. */
    ActivationBudget() {
        this(free());
    }

    private ActivationBudget(long free) {
        this(free / 2, free / 2 + free / 4);
    }

    /**
     * @param budget bytes that are kept
     * @param most bytes of one micro-batch, which may be more because the first one is always kept
     */
    ActivationBudget(long budget, long most) {
        this.budget = budget;
        this.most = most;
    }

    /**
     * Returns whether to keep the activations of the next micro-batch, of {@code groups} groups; called before its forward.
     * The micro-batches before it hold {@code kept} bytes. The first one is always kept.
     */
    boolean keepsAnother(long kept, int groups) {
        // the one after next needs room too: a second forward holds a whole micro-batch while it runs
        return kept == 0 || kept + 2 * perGroup * groups <= budget;
    }

    /**
     * Returns whether the activations of a micro-batch of {@code groups} groups, which go through the network together,
     * are too many for memory. It is known after the first step, which may be that of warming up.
     */
    boolean recomputes(int groups) {
        return perGroup * groups > most;
    }

    /** Notes that the activations of {@code groups} groups took {@code bytes}. */
    void learned(long bytes, int groups) {
        perGroup = Math.max(perGroup, bytes / groups);
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
