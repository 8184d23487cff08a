package io.swav.trainer;

import io.swav.torch.DirectMemory;
import java.io.IOException;
import java.util.Locale;

/** Names the limit that a process has reached, and how it is raised. */
final class MemoryLimits {
    /** How the JVM's own limits are raised in a pod. */
    static final String POD =
            "raise the container's resources.limits.memory in spec.template, a quarter of which the JVM takes"
                    + " by default";

    private MemoryLimits() {}

    /** Returns what was thrown in words: errors of the JVM name a limit, other failures their own message. */
    static String describe(Throwable failure) {
        if (failure instanceof OutOfMemoryError) {
            return outOfMemory(String.valueOf(failure.getMessage()));
        }
        boolean plain = failure instanceof IOException && failure.getMessage() != null;
        return plain ? String.valueOf(failure.getMessage()) : failure.toString();
    }

    private static String outOfMemory(String message) {
        String lower = message.toLowerCase(Locale.ROOT);
        if (lower.contains("direct buffer")) {
            DirectMemory direct = DirectMemory.now();
            return "there is not enough direct memory (" + message + "): " + megabytes(direct.used()) + " of "
                    + megabytes(direct.limit()) + " are used; " + raiseDirect(direct);
        }
        if (lower.contains("thread")) {
            return "no thread can be started (" + message
                    + "): raise the limit of processes of the pod (the kubelet's podPidsLimit) or of the user (ulimit -u)";
        }
        return "the Java heap is too small (" + message + "), it may grow to "
                + megabytes(Runtime.getRuntime().maxMemory()) + ": " + POD + ", or set -Xmx in JAVA_TOOL_OPTIONS of its"
                + " env";
    }

    /** Returns how the limit of direct memory is raised. */
    static String raiseDirect(DirectMemory direct) {
        String option = "-XX:MaxDirectMemorySize in JAVA_TOOL_OPTIONS of the container's env";
        return direct.explicit() ? "raise " + option : POD + ", or set " + option;
    }

    /** Returns bytes in words, rounded up. */
    static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MB", (bytes + (1L << 20) - 1) >> 20);
    }
}
