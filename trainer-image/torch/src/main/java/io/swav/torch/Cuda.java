package io.swav.torch;

import java.util.function.Function;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.global.cudart;

/** Checks the results of the CUDA runtime, and creates its events. */
public final class Cuda {
    private Cuda() {}

    /**
     * Checks the result of a call.
     *
     * @throws IllegalStateException with the runtime's own message, unless {@code result} is success
     */
    static void check(int result) {
        check(result, IllegalStateException::new);
    }

    /**
     * Checks the result of a call; throws unless it is success.
     *
     * @param failure creates the exception from the runtime's own message
     */
    public static void check(int result, Function<String, RuntimeException> failure) {
        if (result != cudart.cudaSuccess) {
            throw failure.apply("CUDA: " + cudart.cudaGetErrorString(result).getString());
        }
    }

    static CUevent_st event() {
        CUevent_st event = new CUevent_st();
        check(cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming));
        return event;
    }
}
