package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies pinned memory to the device while it computes, on a stream of its own. libtorch reuses memory in the order of
 * its own stream and does not know this one. Both ends of a copy are therefore held here until the copy is over; an
 * array that is taken earlier comes with a wait in libtorch's stream. The host waits only in {@link #close}. Used by
 * one thread at a time.
 */
public final class CopyStream implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CopyStream.class);

    /** The arrays whose copies are in progress. */
    final NDManager arrays = TorchRuntime.root();

    private final CUstream_st stream = new CUstream_st();
    private final CUevent_st allocated;
    /** Transfers that were ended, whose copies may still be in progress. */
    private final Queue<DeviceCopy> ended = new ArrayDeque<>();

    CopyStream() {
        Cuda.check(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
        this.allocated = Cuda.event();
    }

    /**
     * Opens a stream; empty if this process does not compute on a GPU, or cannot bind to the CUDA runtime that libtorch
     * has loaded.
     */
    public static Optional<CopyStream> open() {
        if (!TorchRuntime.onGpu()) {
            return Optional.empty();
        }
        try {
            Bindings.load("cuda", "cudart"); // finds runtime and driver by name: libtorch has loaded them
        } catch (LinkageError e) {
            LOG.warn(
                    "cannot use a second CUDA stream, so the GPU waits while crops are copied to it"
                            + " (training is slower): {}",
                    e.toString());
            return Optional.empty();
        }
        return Optional.of(new CopyStream());
    }

    /** One copy; its user must call {@link #end}. */
    final class DeviceCopy {
        private final NDManager owner;
        private final NDArray target;
        private final CUevent_st copied;
        private boolean taken;

        private DeviceCopy(NDManager owner, NDArray target) {
            this.owner = owner;
            this.target = target;
            this.copied = Cuda.event();
        }

        boolean taken() {
            return taken;
        }

        /**
         * Returns the array, once, attached to {@code manager}. All work that libtorch enqueues from now on finds it
         * complete.
         */
        NDArray take(NDManager manager) {
            Cuda.check(cudart.cudaStreamWaitEvent(CommunicationStream.ofThread(), copied, 0));
            taken = true;
            target.attach(manager);
            return target;
        }

        /** Frees the pinned memory, and the array if it was not taken, as soon as the copy is over. */
        void end() {
            ended.add(this);
            sweep();
        }

        private boolean freed() {
            int result = cudart.cudaEventQuery(copied);
            if (result == cudart.cudaErrorNotReady) {
                return false;
            }
            Cuda.check(result);
            owner.close();
            if (!taken) {
                target.close();
            }
            Cuda.check(cudart.cudaEventDestroy(copied));
            return true;
        }
    }

    /**
     * Begins to copy {@code pinned} to a new array.
     *
     * @param owner of the pinned memory; closed when the transfer has ended and the copy is over
     */
    DeviceCopy begin(NDManager owner, NDArray pinned, Shape shape) {
        sweep();
        DeviceCopy transfer = new DeviceCopy(owner, arrays.create(shape, pinned.getDataType()));
        // earlier users of this memory are on libtorch's stream
        Cuda.check(cudart.cudaEventRecord(allocated, CommunicationStream.ofThread()));
        Cuda.check(cudart.cudaStreamWaitEvent(stream, allocated, 0));
        long bytes = pinned.size() * pinned.getDataType().getNumOfBytes();
        Cuda.check(
                cudart.cudaMemcpyAsync(at(transfer.target), at(pinned), bytes, cudart.cudaMemcpyHostToDevice, stream));
        Cuda.check(cudart.cudaEventRecord(transfer.copied, stream));
        return transfer;
    }

    private void sweep() {
        while (!ended.isEmpty() && ended.peek().freed()) {
            ended.remove();
        }
    }

    /** Waits for all copies and frees the stream. Call it after all transfers have ended. */
    @Override
    public void close() {
        Cuda.check(cudart.cudaStreamSynchronize(stream));
        sweep();
        Cuda.check(cudart.cudaEventDestroy(allocated));
        Cuda.check(cudart.cudaStreamDestroy(stream));
        arrays.close();
    }

    private static RawPointer at(NDArray array) {
        return new RawPointer(TensorMemory.address(array, 0));
    }
}
