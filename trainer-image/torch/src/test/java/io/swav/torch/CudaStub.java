package io.swav.torch;

import com.sun.jna.Function;

/** The stub of the CUDA runtime in {@code src/test/resources/nccl/cudart.c}, whose streams a test can hold. */
public final class CudaStub {
    /** The streams that are held, so that their work does not run. */
    public enum Held {
        NONE(0),
        LIBTORCH(1),
        COPIES(2),
        ALL(3);

        private final int bits;

        Held(int bits) {
            this.bits = bits;
        }
    }

    private CudaStub() {}

    /** Opens a copy stream on the stub; without gcc the test is skipped. */
    public static CopyStream copies() {
        StubLibraries.folder();
        return new CopyStream();
    }

    /** Holds these streams from now on; all others run what they can. */
    public static void hold(Held held) {
        call("cudaStubHold", held.bits);
    }

    /** The number of events and streams that were not destroyed. */
    public static long left() {
        return call("cudaStubEvents") + call("cudaStubStreams");
    }

    /** The number of copies enqueued so far. */
    public static long copied() {
        return call("cudaStubCopied");
    }

    private static long call(String name, Object... arguments) {
        String library = StubLibraries.folder().resolve("libcudart.so.12").toString();
        return Function.getFunction(library, name).invokeLong(arguments);
    }
}
