package io.swav.torch;

import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.global.cudart;

/** What every user of the CUDA runtime here needs. */
final class Cuda {
    private Cuda() {}

    /** @throws IllegalStateException in the runtime's words, unless {@code result} is success */
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
