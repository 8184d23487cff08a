package io.swav.conformance;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Function;
import io.swav.collective.nccl.Nccl;
import io.swav.collective.nccl.NcclLibrary;
import io.swav.collective.nccl.NcclLogRedirect;
import io.swav.torch.Foreign;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * The one GPU, or its stub, that several ranks share, and arrays on it that NCCL accepts. If libtorch has no CUDA, the
 * arrays are in managed memory, which both the CPU and the GPU can access.
 */
final class Card {
    /** Argument that selects the real libraries instead of a folder of stubs. */
    static final String REAL = "real";

    private final boolean real;
    private final NcclLibrary.Versions versions;

    private Card(boolean real, NcclLibrary.Versions versions) {
        this.real = real;
        this.versions = versions;
    }

    /** @param libraries folder of the stub, or {@link #REAL} */
    static Card open(String libraries, int rank) {
        boolean real = libraries.equals(REAL);
        // NCCL refuses two ranks on one GPU of one host, so each rank pretends to be on its own host
        Function.getFunction("c", "setenv").invokeInt(new Object[] {"NCCL_HOSTID", "card-of-rank-" + rank, 1});
        TorchRuntime.start();
        NcclLibrary library = real
                ? NcclLibrary.find(System.getenv())
                        .orElseThrow(
                                () -> new IllegalStateException("not found: " + NcclLibrary.missing(System.getenv())))
                : NcclLibrary.in(List.of(Path.of(libraries))).orElseThrow();
        NcclLogRedirect.toLog(Map.of());
        return new Card(real, library.load());
    }

    NcclLibrary.Versions versions() {
        return versions;
    }

    NDArray array(NDManager manager, float... values) {
        if (!real || TorchRuntime.onGpu()) {
            return manager.create(values);
        }
        NDArray array = Foreign.floats(manager, managed((long) values.length * Float.BYTES), values.length);
        array.set(values);
        return array;
    }

    NDArray zeros(NDManager manager, long length) {
        return !real || TorchRuntime.onGpu()
                ? manager.zeros(new Shape(length))
                : Foreign.floats(manager, managed(length * Float.BYTES), length);
    }

    /** Allocates managed memory, which is never freed: the process is short-lived. */
    private static Pointer managed(long bytes) {
        BytePointer memory = new BytePointer((Pointer) null);
        Nccl.cuda(cudart.cudaMallocManaged(memory, bytes));
        return memory;
    }

    /** Returns the free bytes of the GPU, whatever process used them before; 0 on the stub. */
    long free() {
        if (!real) {
            return 0;
        }
        try (SizeTPointer free = new SizeTPointer(1);
                SizeTPointer total = new SizeTPointer(1)) {
            Nccl.cuda(cudart.cudaMemGetInfo(free, total));
            return free.get();
        }
    }
}
