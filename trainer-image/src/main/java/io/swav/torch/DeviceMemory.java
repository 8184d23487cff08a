package io.swav.torch;

import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;
import java.util.OptionalLong;

/** Memory of the GPU that this process computes on, in bytes. */
public final class DeviceMemory {
    private DeviceMemory() {}

    /** What no process has taken; empty where the CUDA runtime does not tell. */
    public static OptionalLong free() {
        try {
            MemoryUsage usage = CudaUtils.getGpuMemory(TorchRuntime.device());
            return OptionalLong.of(usage.getMax() - usage.getUsed());
        } catch (IllegalArgumentException | IllegalStateException | LinkageError e) {
            return OptionalLong.empty();
        }
    }
}
