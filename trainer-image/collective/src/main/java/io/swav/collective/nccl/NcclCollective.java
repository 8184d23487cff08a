package io.swav.collective.nccl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.RankChecks;
import io.swav.collective.SoloCollective;
import io.swav.collective.TcpCollective;
import io.swav.torch.RawPointer;
import io.swav.torch.TensorMemory;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.cuda.cudart.cudaPointerAttributes;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Collectives over NCCL for arrays on the GPU. Arrays in host memory use the sockets over which the ranks connected;
 * the sockets also show at once that a peer is gone, which NCCL notices late or never.
 */
public final class NcclCollective implements Collective {
    static final Communicator.ConnectTimeout CONNECT_TIMEOUT =
            new Communicator.ConnectTimeout(Duration.ofSeconds(30), () -> false);

    private final TcpCollective sockets;
    private final Communicator communicator;
    private final DeviceOrder order;
    private final Consumer<Communicator> retire;
    /** Subgroups created from this collective, by their ranks in it. */
    private final Map<List<Integer>, NcclCollective> subgroups = new ConcurrentHashMap<>();

    private volatile @Nullable NcclCollective duplicate;

    /** How operations are ordered with libtorch's work. */
    private enum DeviceOrder {
        /** The device orders them: libtorch's later work waits for them, and the host continues at once. */
        DEVICE,
        /** The host waits: an operation has finished when its call returns; libtorch's work continues meanwhile. */
        HOST
    }

    private NcclCollective(
            TcpCollective sockets, Communicator communicator, DeviceOrder order, Consumer<Communicator> retire) {
        this.sockets = sockets;
        this.communicator = communicator;
        this.order = order;
        this.retire = retire;
    }

    /**
     * Creates a new communicator among the ranks of {@code sockets}, all of which call this, and takes ownership of the
     * sockets.
     *
     * @param retire receives the communicator when this collective is closed
     * @throws CollectiveException if the communicator could not be created; the sockets are then unusable
     */
    static NcclCollective over(
            TcpCollective sockets, Communicator.ConnectTimeout timeout, Consumer<Communicator> retire) {
        return made(sockets, retire, fresh(sockets, timeout));
    }

    private static Supplier<Communicator> fresh(TcpCollective sockets, Communicator.ConnectTimeout timeout) {
        return () -> {
            byte[] id = sockets.rank() == 0 ? Nccl.uniqueId() : new byte[nccl.NCCL_UNIQUE_ID_BYTES];
            BootstrapExchange.broadcast(sockets, id);
            return Communicator.init(id, sockets.rank(), sockets.size(), timeout, sockets::checkPeers);
        };
    }

    static NcclCollective made(
            TcpCollective sockets, Consumer<Communicator> retire, Supplier<Communicator> communicator) {
        return made(sockets, DeviceOrder.DEVICE, retire, communicator);
    }

    private static NcclCollective made(
            TcpCollective sockets,
            DeviceOrder order,
            Consumer<Communicator> retire,
            Supplier<Communicator> communicator) {
        try {
            return new NcclCollective(sockets, communicator.get(), order, retire);
        } catch (CollectiveException e) {
            sockets.abort(); // or the others would wait for this rank
            throw e;
        }
    }

    @Override
    public int rank() {
        return sockets.rank();
    }

    @Override
    public int size() {
        return sockets.size();
    }

    @Override
    public String name() {
        int[] version = new int[1];
        Nccl.checked(nccl.ncclGetVersion(version));
        return "NCCL " + NcclLibrary.Versions.dotted(version[0]);
    }

    @Override
    public void allReduceSum(NDArray inOut) {
        if (onDevice(inOut)) {
            allReduce(inOut, nccl.ncclSum);
        } else {
            sockets.allReduceSum(inOut);
        }
    }

    /** Rounds the values first; NCCL then adds in an order that it chooses, with bfloat16 partial sums. */
    @Override
    public void allReduceRoundedSum(NDArray inOut) {
        if (!onDevice(inOut)) {
            sockets.allReduceRoundedSum(inOut);
            return;
        }
        long count = inOut.size();
        try (NDArray packed =
                inOut.getManager().create(new Shape(TensorMemory.packed(count)), DataType.FLOAT32, inOut.getDevice())) {
            TensorMemory.Part values = new TensorMemory.Part(inOut, 0, count);
            TensorMemory.pack(values, packed, 0);
            Pointer at = at(packed, 0);
            run((comm, stream) ->
                    Nccl.checked(nccl.ncclAllReduce(at, at, count, nccl.ncclBfloat16, nccl.ncclSum, comm, stream)));
            TensorMemory.unpack(packed, 0, values);
        }
    }

    @Override
    public void allReduceMin(NDArray inOut) {
        if (onDevice(inOut)) {
            allReduce(inOut, nccl.ncclMin);
        } else {
            sockets.allReduceMin(inOut);
        }
    }

    private void allReduce(NDArray inOut, int operation) {
        Pointer at = at(inOut, 0);
        run((comm, stream) ->
                Nccl.checked(nccl.ncclAllReduce(at, at, inOut.size(), type(inOut), operation, comm, stream)));
    }

    @Override
    public void broadcast(NDArray inOut, int root) {
        RankChecks.check(root, size());
        if (!onDevice(inOut)) {
            sockets.broadcast(inOut, root);
            return;
        }
        Pointer at = at(inOut, 0);
        run((comm, stream) -> Nccl.checked(nccl.ncclBroadcast(at, at, inOut.size(), type(inOut), root, comm, stream)));
    }

    @Override
    public void allGather(NDArray mine, NDArray all) {
        if (!onDevice(mine)) {
            sockets.allGather(mine, all);
            return;
        }
        TcpCollective.checkGather(mine, all, size());
        run((comm, stream) ->
                Nccl.checked(nccl.ncclAllGather(at(mine, 0), at(all, 0), mine.size(), type(mine), comm, stream)));
    }

    /** All arrays are in host memory, or all are on the device. */
    @Override
    public void exchange(List<Transfer> sends, List<Transfer> receives) {
        boolean host = Stream.concat(sends.stream(), receives.stream()).noneMatch(one -> onDevice(one.array()));
        if (host) {
            sockets.exchange(sends, receives);
            return;
        }
        Stream.concat(sends.stream(), receives.stream()).forEach(one -> RankChecks.check(one.peer(), size()));
        run((comm, stream) -> {
            for (Transfer send : sends) {
                Nccl.checked(nccl.ncclSend(
                        at(send.array(), send.from()), send.count(), type(send.array()), send.peer(), comm, stream));
            }
            for (Transfer receive : receives) {
                Nccl.checked(nccl.ncclRecv(
                        at(receive.array(), receive.from()),
                        receive.count(),
                        type(receive.array()),
                        receive.peer(),
                        comm,
                        stream));
            }
        });
    }

    /** Creates a separate communicator: NCCL's split would need the ranks outside the subgroup as well. */
    @Override
    public Collective subgroup(int[] ranks) {
        RankChecks.subgroup(ranks, rank(), size());
        if (ranks.length == 1) {
            return new SoloCollective();
        }
        return subgroups.computeIfAbsent(
                Arrays.stream(ranks).boxed().toList(), mine -> of(sockets.subgroup(ranks), order));
    }

    @Override
    public Collective duplicate() {
        NcclCollective other = duplicate;
        if (other == null) {
            other = of(sockets.duplicate(), DeviceOrder.HOST);
            duplicate = other;
        }
        return other;
    }

    private static NcclCollective of(TcpCollective some, DeviceOrder order) {
        return made(some, order, Communicator::close, fresh(some, CONNECT_TIMEOUT));
    }

    private Stream<NcclCollective> others() {
        return Stream.concat(subgroups.values().stream(), Stream.ofNullable(duplicate));
    }

    private void run(Communicator.Calls calls) {
        switch (order) {
            case DEVICE -> communicator.run(calls);
            case HOST -> communicator.runAndWait(calls);
        }
    }

    @Override
    public void synchronize() {
        communicator.synchronize();
        subgroups.values().forEach(NcclCollective::synchronize);
    }

    @Override
    public Optional<Boolean> isWaitingForPeers() {
        return Optional.of(communicators().anyMatch(Communicator::isWaitingForPeers));
    }

    /**
     * Aborts the sockets first, because the peers learn of the abort from them. Then aborts all communicators at once: the
     * end of one may wait for the whole device, and so for an operation of another.
     */
    @Override
    public void abort() {
        sockets.abort();
        communicators().forEach(one -> one.breakOff(Communicator.aborted()));
        List<Thread> threads =
                communicators().map(one -> new Thread(one::abort, "nccl-abort")).toList();
        threads.forEach(Thread::start);
        threads.forEach(NcclCollective::join);
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns the communicator of this collective, then those of its subgroups and its duplicate. */
    private Stream<Communicator> communicators() {
        return Stream.concat(Stream.of(communicator), others().flatMap(NcclCollective::communicators));
    }

    @Override
    public void close() {
        others().forEach(NcclCollective::close);
        try {
            communicator.synchronizeBeforeClose();
        } catch (CollectiveException e) {
            sockets.abort(); // so that close() says no goodbye: the device has not finished
        }
        retire.accept(communicator);
        sockets.close();
    }

    private static boolean onDevice(NDArray array) {
        try (cudaPointerAttributes attributes = new cudaPointerAttributes()) {
            Nccl.cuda(cudart.cudaPointerGetAttributes(attributes, at(array, 0)));
            int type = attributes.type();
            return type == cudart.cudaMemoryTypeDevice || type == cudart.cudaMemoryTypeManaged;
        }
    }

    private static Pointer at(NDArray array, long from) {
        return new RawPointer(TensorMemory.address(array, from));
    }

    private static int type(NDArray array) {
        DataType type = array.getDataType();
        return switch (type) {
            case FLOAT32 -> nccl.ncclFloat32;
            case FLOAT64 -> nccl.ncclFloat64;
            case INT64 -> nccl.ncclInt64;
            default -> throw new IllegalArgumentException("collectives do not support arrays of type " + type);
        };
    }
}
