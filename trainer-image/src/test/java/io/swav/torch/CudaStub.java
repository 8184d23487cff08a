package io.swav.torch;

import com.sun.jna.Function;
import io.swav.collective.nccl.NcclStub;

/** The CUDA runtime of {@code src/test/resources/nccl/cudart.c}, whose streams a test holds back. */
public final class CudaStub {
    /** Streams that do nothing for now. */
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

    /** A stream of copies on it; without gcc the test is skipped. */
    public static CopyStream copies() {
        NcclStub.folder();
        return new CopyStream();
    }

    /** From now on; all others do what they can. */
    public static void hold(Held held) {
        call("cudaStubHold", held.bits);
    }

    /** Events and streams that are not destroyed. */
    public static long left() {
        return call("cudaStubEvents") + call("cudaStubStreams");
    }

    /** Copies that were asked for so far. */
    public static long copied() {
        return call("cudaStubCopied");
    }

    private static long call(String name, Object... arguments) {
        String library = NcclStub.folder().resolve("libcudart.so.12").toString();
        return Function.getFunction(library, name).invokeLong(arguments);
    }
}
