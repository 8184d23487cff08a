package io.swav.model;

import io.swav.torch.DeviceMemory;
import io.swav.torch.HostMemory;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;

/**
 * Whether what backward needs of one more unit fits into memory beside what is kept already. Where it does not, the unit
 * is forwarded twice, which gives the same bits.
 */
final class ActivationBudget {
    private final long budget;
    private long perUnit;

    /** Half of the memory that is free now where the units are computed. */
    ActivationBudget() {
        this(free() / 2);
    }

    ActivationBudget(long budget) {
        this.budget = budget;
    }

    /** Asks before a unit's forward; {@code kept} bytes are held by the units before it. One unit is always kept. */
    boolean keepsAnother(long kept) {
        // the one after next needs room too: a second forward holds a whole unit while it runs
        return kept == 0 || kept + 2 * perUnit <= budget;
    }

    void learned(long bytes) {
        perUnit = Math.max(perUnit, bytes);
    }

    /** Where a device does not tell what it has, one unit is kept. */
    private static long free() {
        return TorchRuntime.onGpu()
                ? DeviceMemory.free().orElse(0)
                : new HostMemory(Path.of("/"))
                        .free()
                        .orElse(Runtime.getRuntime().maxMemory());
    }
}
