package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclConfig_t;
import org.bytedeco.cuda.nccl.ncclUniqueId;

/** Turns results of NCCL and the CUDA runtime into exceptions, and creates the arguments of new communicators. */
public final class Nccl {
    private static final int CONFIG_MAGIC = 0xcafebeef;
    private static final int UNSET = Integer.MIN_VALUE;

    private Nccl() {}

    /**
     * @return the result, success or in progress
     * @throws CollectiveException for any other result
     */
    static int checked(int result) {
        if (result != nccl.ncclSuccess && result != nccl.ncclInProgress) {
            throw new CollectiveException("NCCL: " + describe(result));
        }
        return result;
    }

    static String describe(int result) {
        return nccl.ncclGetErrorString(result).getString();
    }

    public static void cuda(int result) {
        if (result != cudart.cudaSuccess) {
            throw new CollectiveException(
                    "CUDA: " + cudart.cudaGetErrorString(result).getString());
        }
    }

    /** Returns an id for a new communicator, which rank 0 sends to the others. */
    static byte[] uniqueId() {
        try (ncclUniqueId id = new ncclUniqueId()) {
            checked(nccl.ncclGetUniqueId(id));
            byte[] bytes = new byte[nccl.NCCL_UNIQUE_ID_BYTES];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = id.internal(i);
            }
            return bytes;
        }
    }

    static ncclUniqueId uniqueId(byte[] bytes) {
        ncclUniqueId id = new ncclUniqueId();
        for (int i = 0; i < bytes.length; i++) {
            id.internal(i, bytes[i]);
        }
        return id;
    }

    /**
     * Returns the configuration of a new, non-blocking communicator. The JavaCPP presets do not map NCCL's initializer, so
     * every field that is not configured here is set to NCCL's value for "undefined".
     */
    static ncclConfig_t config() {
        ncclConfig_t config = new ncclConfig_t();
        return config.size(config.sizeof())
                .magic(CONFIG_MAGIC)
                .version(nccl.NCCL_VERSION_CODE)
                .blocking(0)
                .cgaClusterSize(UNSET)
                .minCTAs(UNSET)
                .maxCTAs(UNSET)
                .netName(null)
                .splitShare(UNSET)
                .trafficClass(UNSET)
                .commName(null)
                .collnetEnable(UNSET)
                .CTAPolicy(UNSET)
                .shrinkShare(UNSET)
                .nvlsCTAs(UNSET);
    }
}
