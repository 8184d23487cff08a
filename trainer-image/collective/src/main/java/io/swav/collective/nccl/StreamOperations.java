package io.swav.collective.nccl;

import io.swav.torch.CommunicationStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;

/**
 * The stream of one communicator's operations, and the operations that the device has not finished. Used by one thread
 * at a time.
 */
final class StreamOperations {
    /**
     * One operation.
     *
     * @param before event after the libtorch work that precedes the operation
     * @param after event after the operation itself
     */
    record Operation(CUevent_st before, CUevent_st after) {
        /** Makes libtorch's work from here on wait for this operation. */
        void makeLibtorchWait() {
            Nccl.cuda(cudart.cudaStreamWaitEvent(CommunicationStream.ofThread(), after, 0));
        }
    }

    private final CUstream_st stream = new CUstream_st();
    private final List<Operation> all = new ArrayList<>();
    /** Oldest first. */
    private final Deque<Operation> underWay = new ArrayDeque<>();
    /** Finished operations, whose events are reused. */
    private final Deque<Operation> reusable = new ArrayDeque<>();

    StreamOperations() {
        Nccl.cuda(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
    }

    CUstream_st stream() {
        return stream;
    }

    /**
     * Begins the next operation, which runs when libtorch's work so far has finished. The caller issues its calls on
     * {@link #stream}.
     */
    Operation begin() {
        Operation operation = reusable.isEmpty() ? made() : reusable.remove();
        Nccl.cuda(cudart.cudaEventRecord(operation.before(), CommunicationStream.ofThread()));
        Nccl.cuda(cudart.cudaStreamWaitEvent(stream, operation.before(), 0));
        return operation;
    }

    /** Records that all calls of the operation are on the stream. */
    void launched(Operation operation) {
        Nccl.cuda(cudart.cudaEventRecord(operation.after(), stream));
        underWay.add(operation);
    }

    /** Whether the device has finished all operations. */
    boolean over() {
        while (!underWay.isEmpty() && happened(underWay.element().after())) {
            reusable.add(underWay.remove());
        }
        return underWay.isEmpty();
    }

    /** Whether the oldest unfinished operation waits only for the other ranks. */
    boolean isWaitingForPeers() {
        return !over() && happened(underWay.element().before());
    }

    /** Destroys the stream and the events; called when no operation is running, or none will be for long. */
    void destroy() {
        all.forEach(operation -> {
            cudart.cudaEventDestroy(operation.before());
            cudart.cudaEventDestroy(operation.after());
        });
        cudart.cudaStreamDestroy(stream);
    }

    private Operation made() {
        Operation operation = new Operation(event(), event());
        all.add(operation);
        return operation;
    }

    private static CUevent_st event() {
        CUevent_st event = new CUevent_st();
        Nccl.cuda(cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming));
        return event;
    }

    private static boolean happened(CUevent_st event) {
        int result = cudart.cudaEventQuery(event);
        if (result == cudart.cudaErrorNotReady) {
            return false;
        }
        Nccl.cuda(result);
        return true;
    }
}
