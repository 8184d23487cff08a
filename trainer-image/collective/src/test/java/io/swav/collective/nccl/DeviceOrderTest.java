package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.torch.CommunicationStream;
import io.swav.torch.CudaStub;
import io.swav.torch.CudaStub.Held;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.global.cudart;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Checks that operations are ordered with the device's work while the host runs ahead, and that nothing hangs while no
 * thread waits. Rank 0 is this thread; while libtorch's stream is held, its calls return as on a device that is busy with
 * other work.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeviceOrderTest {
    private static final Duration FREE = Duration.ofSeconds(20);

    private final NDManager manager = TorchRuntime.host();
    private List<NcclCollective> world = List.of();

    @BeforeEach
    void connect() throws Exception {
        world = NcclStub.connect(3);
    }

    @AfterEach
    void checkNothingIsLeaked() throws IOException {
        CudaStub.hold(Held.NONE);
        world.forEach(Collective::abort);
        world.forEach(Collective::close);
        manager.close();
        assertThat(NcclStub.folder().resolve("misuse")).doesNotExist();
        await().atMost(Duration.ofSeconds(20)).until(NcclStub::threads, List::isEmpty);
        assertThat(CudaStub.left()).as("events and streams").isZero();
    }

    private NcclCollective mine() {
        return world.get(0);
    }

    private NDArray ones() {
        return manager.ones(new Shape(1000));
    }

    /** Runs {@code body} on every other rank. */
    private void others(Body body) {
        CompletableFuture.allOf(world.stream()
                        .skip(1)
                        .map(one -> CompletableFuture.runAsync(() -> body.run(one)))
                        .toArray(CompletableFuture[]::new))
                .join();
    }

    private interface Body {
        void run(Collective collective);
    }

    @Test
    void theHostContinuesWithoutItsPeers() {
        CudaStub.hold(Held.LIBTORCH);
        NDArray first = ones();
        NDArray second = ones();
        mine().allReduceSum(first);
        mine().allReduceSum(second);
        others(collective -> {
            collective.allReduceSum(ones());
            collective.allReduceSum(ones());
        });
        CudaStub.hold(Held.NONE);
        mine().synchronize();
        assertThat(first.getFloat(999)).isEqualTo(3);
        assertThat(second.getFloat(999)).isEqualTo(3);
    }

    @Test
    void laterWorkOfLibtorchWaits() {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        try (CUevent_st next = new CUevent_st()) {
            Nccl.cuda(cudart.cudaEventCreateWithFlags(next, cudart.cudaEventDisableTiming));
            Nccl.cuda(cudart.cudaEventRecord(next, CommunicationStream.ofThread()));
            CudaStub.hold(Held.NONE);
            assertThat(cudart.cudaEventQuery(next)).isEqualTo(cudart.cudaErrorNotReady);
            others(collective -> collective.allReduceSum(ones()));
            await().untilAsserted(() -> assertThat(cudart.cudaEventQuery(next)).isEqualTo(cudart.cudaSuccess));
            Nccl.cuda(cudart.cudaEventDestroy(next));
        }
    }

    @Test
    void onlyAnOperationThatHasBegunWaitsForPeers() {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        await().during(Duration.ofMillis(100))
                .until(() -> !isWaitingForPeers()); // this rank's own work has not finished
        CudaStub.hold(Held.NONE);
        await().until(this::isWaitingForPeers);
        others(collective -> collective.allReduceSum(ones()));
        await().until(() -> !isWaitingForPeers());
        mine().synchronize();
    }

    @Test
    void noticesALostPeerWhileNoThreadWaits() throws IOException {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        world.get(2).abort();
        await().atMost(FREE).until(() -> failure(mine()).contains("rank 2"));
        assertThatThrownBy(mine()::synchronize)
                .isInstanceOfSatisfying(
                        CollectiveException.class, e -> assertThat(e.lostRank()).hasValue(2));
        world.get(1).abort();
        await().atMost(FREE).until(NcclStub::threads, List::isEmpty);
    }

    /** The device's queue is full: the call that makes libtorch wait does not return. */
    @Test
    void aLostPeerReleasesAThreadBlockedInTheRuntime() {
        CompletableFuture<String> stuck = CompletableFuture.supplyAsync(() -> failure(mine()));
        await().until(this::isWaitingForPeers);
        world.get(2).abort();
        await().atMost(FREE).until(stuck::isDone);
        assertThat(stuck.join()).contains("rank 2");
    }

    /** Rank 1's NCCL fails, and its sockets stay open: only this rank's NCCL shows the failure. */
    @Test
    void noticesAnErrorWhileNoThreadWaits() throws IOException {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        Files.writeString(NcclStub.folder().resolve("fault"), "1 1 error");
        CompletableFuture<String> other = CompletableFuture.supplyAsync(() -> failure(world.get(1)));
        assertThat(other.join()).startsWith("NCCL: ");
        Files.delete(NcclStub.folder().resolve("fault"));
        CudaStub.hold(Held.NONE);
        await().atMost(FREE)
                .until(() -> NcclStub.threads().stream()
                                .filter(OperationWatchdog.THREAD::equals)
                                .count()
                        == 0);
        assertThatThrownBy(mine()::synchronize).hasMessageContaining("remote process exited");
    }

    /** The device's queue is full before an operation is on it: the blocked call holds the communicator's lock. */
    @Test
    void aLostPeerReleasesAThreadBlockedBeforeItsOperation() {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        CudaStub.hold(Held.NONE);
        await().until(this::isWaitingForPeers);
        Thread me = Thread.currentThread(); // it has the stream that waits
        CompletableFuture<Void> end = CompletableFuture.runAsync(() -> {
            await().until(() -> Stream.of(me.getStackTrace())
                    .anyMatch(at -> at.getMethodName().equals("cudaEventRecord")));
            world.get(2).abort();
        });
        assertThat(failure(mine())).contains("rank 2");
        end.join();
    }

    @Test
    void synchronizeWaitsForSubgroups() {
        int[] pair = {0, 1};
        CompletableFuture<Collective> theirs =
                CompletableFuture.supplyAsync(() -> world.get(1).subgroup(pair));
        Collective subgroup = mine().subgroup(pair);
        assertThat(mine().subgroup(pair)).as("made once").isSameAs(subgroup);
        CudaStub.hold(Held.LIBTORCH);
        NDArray one = ones();
        subgroup.allReduceSum(one);
        CompletableFuture.runAsync(() -> theirs.join().allReduceSum(ones())).join();
        CudaStub.hold(Held.NONE);
        mine().synchronize();
        assertThat(one.getFloat(0)).isEqualTo(2);
    }

    /** Aborts while the host is ahead: the launched operations leave the device, and libtorch's stream continues. */
    @Test
    void afterAnAbortLibtorchContinues() {
        CudaStub.hold(Held.LIBTORCH);
        mine().allReduceSum(ones());
        mine().abort();
        CudaStub.hold(Held.NONE);
        Nccl.cuda(cudart.cudaStreamSynchronize(CommunicationStream.ofThread()));
        assertThatThrownBy(mine()::synchronize).hasMessage("aborted");
    }

    private boolean isWaitingForPeers() {
        return mine().isWaitingForPeers().orElseThrow();
    }

    private String failure(Collective collective) {
        try {
            while (true) {
                collective.allReduceSum(ones());
            }
        } catch (CollectiveException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
