package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;

/**
 * A {@link CommunicationStream} over a runtime whose streams can be held, see {@link CudaStub}; without gcc the test is
 * skipped.
 *
 * @param streamsSet the streams that libtorch would have been switched to
 */
public record SideStreams(CommunicationStream stream, List<CUstream_st> streamsSet) implements AutoCloseable {
    public static SideStreams open() {
        StubLibraries.folder();
        List<CUstream_st> streamsSet = new ArrayList<>();
        return new SideStreams(new CommunicationStream(streamsSet::add), streamsSet);
    }

    /** Enqueues a copy of one number on the device, in the stream of the calling thread. */
    public static void copy(NDArray from, NDArray into) {
        assertThat(cudart.cudaMemcpyAsync(
                        new RawPointer(TensorMemory.address(into, 0)),
                        new RawPointer(TensorMemory.address(from, 0)),
                        Float.BYTES,
                        cudart.cudaMemcpyDefault,
                        CommunicationStream.ofThread()))
                .isZero();
    }

    @Override
    public void close() {
        stream.close();
    }
}
