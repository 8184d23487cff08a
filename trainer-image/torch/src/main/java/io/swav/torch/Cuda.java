package io.swav.torch;

import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.global.cudart;

/** Helpers for all users of the CUDA runtime in this package. */
final class Cuda {
    private Cuda() {}

    /**
     * Checks the result of a call.
     *
     * @throws IllegalStateException with the runtime's own message, unless {@code result} is success
     */
    static void check(int result) {
        if (result != cudart.cudaSuccess) {
            throw new IllegalStateException(
                    "CUDA: " + cudart.cudaGetErrorString(result).getString());
        }
    }

    static CUevent_st event() {
        CUevent_st event = new CUevent_st();
        check(cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming));
        return event;
    }
}
