package io.swav.torch;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A device stream for the work that a second thread enqueues with libtorch, so that it runs concurrently with the work
 * of the first thread. On a shared stream it would run after everything that the first thread has enqueued, because the
 * host runs ahead of the device. There is one per process, because libtorch keeps freed memory by stream. Only the
 * first thread may call these methods; the second one runs what {@link #fork} returns.
 */
public final class CommunicationStream {
    private static final Logger LOG = LoggerFactory.getLogger(CommunicationStream.class);
    private static final ThreadLocal<CUstream_st> OF_THREAD = new ThreadLocal<>();

    private final CUstream_st stream = new CUstream_st();
    private final Consumer<CUstream_st> libtorch;
    /** Events of the forks since the last join. */
    private final Queue<CUevent_st> forkEvents = new ArrayDeque<>();

    private final Queue<CUevent_st> freeEvents = new ArrayDeque<>();

    private static final class OfProcess {
        static final Optional<CommunicationStream> STREAM = open();

        private static Optional<CommunicationStream> open() {
            if (!TorchRuntime.onGpu()) {
                return Optional.empty();
            }
            try {
                Bindings.load("cuda", "cudart"); // finds runtime and driver by name: libtorch has loaded them
                return Optional.of(new CommunicationStream(Libtorch.find()));
            } catch (LinkageError e) {
                LOG.warn(
                        "cannot use a second CUDA stream, so gradients are summed only after backward has ended"
                                + " (steps are slower): {}",
                        e.toString());
                return Optional.empty();
            }
        }
    }

    /** @param libtorch makes libtorch use this stream for the calling thread */
    CommunicationStream(Consumer<CUstream_st> libtorch) {
        this.libtorch = libtorch;
        Cuda.check(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
    }

    /** The stream of this process; empty if it does not compute on a GPU, or libtorch's functions cannot be found. */
    public static Optional<CommunicationStream> ofProcess() {
        return OfProcess.STREAM;
    }

    /**
     * The stream on which libtorch runs the work of the calling thread: null, the device's legacy default stream,
     * unless the thread has run what {@link #fork} returned.
     */
    public static @Nullable CUstream_st ofThread() {
        return OF_THREAD.get();
    }

    /**
     * Returns an action for the second thread to run first: its work then follows all that the calling thread has
     * enqueued until now, and runs concurrently with what the calling thread enqueues afterwards.
     */
    public Runnable fork() {
        CUevent_st forkPoint = event();
        forkEvents.add(forkPoint);
        Cuda.check(cudart.cudaEventRecord(forkPoint, ofThread()));
        return () -> {
            if (OF_THREAD.get() == null) {
                libtorch.accept(stream);
                OF_THREAD.set(stream);
            }
            Cuda.check(cudart.cudaStreamWaitEvent(stream, forkPoint, 0));
        };
    }

    /**
     * Makes all work that the calling thread enqueues from now on follow the work of the second thread. Call it when
     * the second thread is idle.
     */
    public void join() {
        CUevent_st done = event();
        Cuda.check(cudart.cudaEventRecord(done, stream));
        Cuda.check(cudart.cudaStreamWaitEvent(ofThread(), done, 0));
        freeEvents.add(done);
        freeEvents.addAll(forkEvents);
        forkEvents.clear();
    }

    private CUevent_st event() {
        CUevent_st free = freeEvents.poll();
        return free == null ? Cuda.event() : free;
    }

    /** Frees the stream; for tests. */
    void close() {
        freeEvents.addAll(forkEvents);
        freeEvents.forEach(event -> Cuda.check(cudart.cudaEventDestroy(event)));
        Cuda.check(cudart.cudaStreamDestroy(stream));
    }

    /**
     * Sets libtorch's current stream by calling its mangled symbols directly: JavaCPP's presets have these functions
     * only in a library of hundreds of MB.
     */
    record Libtorch(Function external, Function choose) implements Consumer<CUstream_st> {
        static Libtorch find() {
            return new Libtorch(
                    Function.getFunction("c10_cuda", "_ZN3c104cuda21getStreamFromExternalEP11CUstream_sta"),
                    Function.getFunction("c10_cuda", "_ZN3c104cuda20setCurrentCUDAStreamENS0_10CUDAStreamE"));
        }

        /** Makes libtorch use {@code stream} for the calling thread. */
        @Override
        public void accept(CUstream_st stream) {
            byte device = 0;
            Object value = external.invoke(Value.class, new Object[] {new Pointer(stream.address()), device});
            choose.invokeVoid(new Object[] {value});
        }
    }

    /** {@code c10::cuda::CUDAStream}: kind and number of the device in the first word, the stream in the second. */
    @Structure.FieldOrder({"device", "id"})
    public static final class Value extends Structure implements Structure.ByValue {
        public long device;
        public long id;
    }
}
