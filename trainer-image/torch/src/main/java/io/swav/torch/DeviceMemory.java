package io.swav.torch;

import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/** Memory of the GPU on which this process computes, in bytes. */
public final class DeviceMemory {
    private DeviceMemory() {}

    /** The memory that no process has taken; empty if the CUDA runtime does not report it. */
    public static OptionalLong free() {
        try {
            MemoryUsage usage = CudaUtils.getGpuMemory(TorchRuntime.device());
            return OptionalLong.of(usage.getMax() - usage.getUsed());
        } catch (IllegalArgumentException | IllegalStateException | LinkageError e) {
            return OptionalLong.empty();
        }
    }
}
