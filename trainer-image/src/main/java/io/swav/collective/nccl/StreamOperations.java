package io.swav.collective.nccl;

import io.swav.torch.CommunicationStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;

/** A stream for one communicator's operations, and which of them the device is not done with. One thread at a time. */
final class StreamOperations {
    /**
     * One of them.
     *
     * @param before what libtorch was asked for first
     */
    record Operation(CUevent_st before, CUevent_st after) {
        /** Whatever libtorch is asked for from here on begins when this is over. */
        void holdLibtorch() {
            Nccl.cuda(cudart.cudaStreamWaitEvent(CommunicationStream.ofThread(), after, 0));
        }
    }

    private final CUstream_st stream = new CUstream_st();
    private final List<Operation> all = new ArrayList<>();
    /** Oldest first. */
    private final Deque<Operation> underWay = new ArrayDeque<>();
    /** Those that are over, whose events serve again. */
    private final Deque<Operation> spare = new ArrayDeque<>();

    StreamOperations() {
        Nccl.cuda(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
    }

    CUstream_st stream() {
        return stream;
    }

    /** The next operation, which begins when all that libtorch was asked for is done; what it is goes to {@link #stream}. */
    Operation begin() {
        Operation operation = spare.isEmpty() ? made() : spare.remove();
        Nccl.cuda(cudart.cudaEventRecord(operation.before(), CommunicationStream.ofThread()));
        Nccl.cuda(cudart.cudaStreamWaitEvent(stream, operation.before(), 0));
        return operation;
    }

    /** All of it is on the stream. */
    void launched(Operation operation) {
        Nccl.cuda(cudart.cudaEventRecord(operation.after(), stream));
        underWay.add(operation);
    }

    /** Whether the device is done with all of them. */
    boolean over() {
        while (!underWay.isEmpty() && happened(underWay.element().after())) {
            spare.add(underWay.remove());
        }
        return underWay.isEmpty();
    }

    /** Whether the oldest that is not over waits for nothing but the other ranks. */
    boolean isWaitingForPeers() {
        return !over() && happened(underWay.element().before());
    }

    /** When nothing is under way any more, or will not be for long. */
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
