package io.swav.torch;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/**
 * Memory of direct buffers in bytes, as the JVM limits it: the copy that checkpoints are written from, and crops that are
 * made on the host.
 *
 * @param limit of all direct buffers together
 * @param used of it
 * @param explicit whether -XX:MaxDirectMemorySize sets the limit; otherwise it equals the largest heap
 */
public record DirectMemory(long limit, long used, boolean explicit) {
    /** Returns the figures of this process. */
    public static DirectMemory now() {
        long set = Long.parseLong(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                .getVMOption("MaxDirectMemorySize")
                .getValue());
        return new DirectMemory(set > 0 ? set : Runtime.getRuntime().maxMemory(), reserved(), set > 0);
    }

    private static long reserved() {
        return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .filter(pool -> pool.getName().equals("direct"))
                .mapToLong(BufferPoolMXBean::getTotalCapacity)
                .sum();
    }

    public long free() {
        return Math.max(0, limit - used);
    }
}
