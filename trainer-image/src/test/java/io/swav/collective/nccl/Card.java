package io.swav.collective.nccl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Function;
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
 * The one card, or its stub, that several ranks share, and arrays that NCCL takes for its own. Where libtorch has no CUDA
 * they lie in managed memory, which the CPU and the GPU both reach.
 */
final class Card {
    /** Instead of a folder: the real libraries. */
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
        // NCCL refuses two ranks on one card of one host
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

    /** Never freed: the process is short. */
    private static Pointer managed(long bytes) {
        BytePointer memory = new BytePointer((Pointer) null);
        Nccl.cuda(cudart.cudaMallocManaged(memory, bytes));
        return memory;
    }

    /** Bytes of the card that are free, of any process; the stub has none. */
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
