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
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stream of the device for what a second thread asks libtorch for: beside what the first asks for, which otherwise would
 * all come before it, because the host is ahead of the device. One for the process: libtorch keeps freed memory by stream.
 * All but what {@link #fork} gives is the first thread's to call.
 */
public final class CommunicationStream {
    private static final Logger LOG = LoggerFactory.getLogger(CommunicationStream.class);
    private static final ThreadLocal<CUstream_st> OF_THREAD = new ThreadLocal<>();

    private final CUstream_st stream = new CUstream_st();
    private final Consumer<CUstream_st> libtorch;
    /** Of forks since the last join. */
    private final Queue<CUevent_st> forked = new ArrayDeque<>();

    private final Queue<CUevent_st> spare = new ArrayDeque<>();

    private static final class OfProcess {
        static final Optional<CommunicationStream> STREAM = open();

        private static Optional<CommunicationStream> open() {
            if (!TorchRuntime.onGpu()) {
                return Optional.empty();
            }
            try {
                Loader.load(cudart.class); // finds runtime and driver by name: libtorch has loaded them
                return Optional.of(new CommunicationStream(Libtorch.find()));
            } catch (LinkageError e) {
                LOG.warn("gradients are summed when all of backward is done: {}", e.toString());
                return Optional.empty();
            }
        }
    }

    /** @param libtorch is to send what the calling thread asks for to this stream */
    CommunicationStream(Consumer<CUstream_st> libtorch) {
        this.libtorch = libtorch;
        Cuda.check(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
    }

    /** Empty where this process does not compute on a GPU, or cannot tell libtorch. */
    public static Optional<CommunicationStream> ofProcess() {
        return OfProcess.STREAM;
    }

    /** Where the calling thread's work for libtorch goes: null, the device's legacy default stream, unless it runs beside. */
    public static @Nullable CUstream_st ofThread() {
        return OF_THREAD.get();
    }

    /**
     * To be run by the second thread: what that asks for from then on comes after what the calling thread has asked for
     * until now, and beside what this asks for from here on.
     */
    public Runnable fork() {
        CUevent_st asked = event();
        forked.add(asked);
        Cuda.check(cudart.cudaEventRecord(asked, ofThread()));
        return () -> {
            if (OF_THREAD.get() == null) {
                libtorch.accept(stream);
                OF_THREAD.set(stream);
            }
            Cuda.check(cudart.cudaStreamWaitEvent(stream, asked, 0));
        };
    }

    /** When the second thread rests: what the calling one asks for from here on comes after all that it has asked for. */
    public void join() {
        CUevent_st done = event();
        Cuda.check(cudart.cudaEventRecord(done, stream));
        Cuda.check(cudart.cudaStreamWaitEvent(ofThread(), done, 0));
        spare.add(done);
        spare.addAll(forked);
        forked.clear();
    }

    private CUevent_st event() {
        CUevent_st known = spare.poll();
        return known == null ? Cuda.event() : known;
    }

    /** Of a test. */
    void close() {
        spare.addAll(forked);
        spare.forEach(event -> Cuda.check(cudart.cudaEventDestroy(event)));
        Cuda.check(cudart.cudaStreamDestroy(stream));
    }

    /** How it is told, by its own names: the presets have these functions in a library of hundreds of MB. */
    record Libtorch(Function external, Function choose) implements Consumer<CUstream_st> {
        static Libtorch find() {
            return new Libtorch(
                    Function.getFunction("c10_cuda", "_ZN3c104cuda21getStreamFromExternalEP11CUstream_sta"),
                    Function.getFunction("c10_cuda", "_ZN3c104cuda20setCurrentCUDAStreamENS0_10CUDAStreamE"));
        }

        /** For the calling thread. */
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
