package io.swav.collective.nccl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.Ranks;
import io.swav.collective.SoloCollective;
import io.swav.collective.TcpCollective;
import io.swav.tensor.Memory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.cuda.cudart.cudaPointerAttributes;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Collectives over NCCL for arrays on the GPU. Arrays in host memory go over the sockets by which the ranks met; those
 * also tell at once that a peer is gone, which NCCL learns late or never.
 */
public final class NcclCollective implements Collective {
    static final Communicator.Patience PATIENCE = new Communicator.Patience(Duration.ofSeconds(30), () -> false);

    private final TcpCollective sockets;
    private final Communicator communicator;
    private final Consumer<Communicator> retire;
    /** All that were made of this one. */
    private final List<NcclCollective> subgroups = new CopyOnWriteArrayList<>();

    private @Nullable NcclCollective beside;

    /** @param retire gets the communicator when this is closed */
    NcclCollective(TcpCollective sockets, Communicator communicator, Consumer<Communicator> retire) {
        this.sockets = sockets;
        this.communicator = communicator;
        this.retire = retire;
    }

    /**
     * A fresh communicator among the ranks of {@code sockets}, all of which call this; takes them over.
     *
     * @throws CollectiveException when it does not come about; the sockets are then of no more use
     */
    static NcclCollective over(TcpCollective sockets, Communicator.Patience patience, Consumer<Communicator> retire) {
        return made(sockets, retire, () -> {
            byte[] id = sockets.rank() == 0 ? Communicator.uniqueId() : new byte[nccl.NCCL_UNIQUE_ID_BYTES];
            Host.broadcast(sockets, id);
            return Communicator.init(id, sockets.rank(), sockets.size(), patience, sockets::checkPeers);
        });
    }

    static NcclCollective made(
            TcpCollective sockets, Consumer<Communicator> retire, Supplier<Communicator> communicator) {
        try {
            return new NcclCollective(sockets, communicator.get(), retire);
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
        Communicator.checked(nccl.ncclGetVersion(version));
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

    /** Values are rounded before, and NCCL adds in its own way: with bfloat16 in between. */
    @Override
    public void allReduceRoundedSum(NDArray inOut) {
        if (!onDevice(inOut)) {
            sockets.allReduceRoundedSum(inOut);
            return;
        }
        long count = inOut.size();
        try (NDArray packed =
                inOut.getManager().create(new Shape(Memory.packed(count)), DataType.FLOAT32, inOut.getDevice())) {
            Memory.Part values = new Memory.Part(inOut, 0, count);
            Memory.pack(values, packed, 0);
            Pointer at = at(packed, 0);
            communicator.run((comm, stream) -> Communicator.checked(
                    nccl.ncclAllReduce(at, at, count, nccl.ncclBfloat16, nccl.ncclSum, comm, stream)));
            Memory.unpack(packed, 0, values);
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
        communicator.run((comm, stream) ->
                Communicator.checked(nccl.ncclAllReduce(at, at, inOut.size(), type(inOut), operation, comm, stream)));
    }

    @Override
    public void broadcast(NDArray inOut, int root) {
        Ranks.check(root, size());
        if (!onDevice(inOut)) {
            sockets.broadcast(inOut, root);
            return;
        }
        Pointer at = at(inOut, 0);
        communicator.run((comm, stream) ->
                Communicator.checked(nccl.ncclBroadcast(at, at, inOut.size(), type(inOut), root, comm, stream)));
    }

    @Override
    public void allGather(NDArray mine, NDArray all) {
        if (!onDevice(mine)) {
            sockets.allGather(mine, all);
            return;
        }
        TcpCollective.checkGather(mine, all, size());
        communicator.run((comm, stream) -> Communicator.checked(
                nccl.ncclAllGather(at(mine, 0), at(all, 0), mine.size(), type(mine), comm, stream)));
    }

    /** All in host memory, or all on the device. */
    @Override
    public void exchange(List<Transfer> sends, List<Transfer> receives) {
        boolean host = Stream.concat(sends.stream(), receives.stream()).noneMatch(one -> onDevice(one.array()));
        if (host) {
            sockets.exchange(sends, receives);
            return;
        }
        Stream.concat(sends.stream(), receives.stream()).forEach(one -> Ranks.check(one.peer(), size()));
        communicator.run((comm, stream) -> {
            for (Transfer send : sends) {
                Communicator.checked(nccl.ncclSend(
                        at(send.array(), send.from()), send.count(), type(send.array()), send.peer(), comm, stream));
            }
            for (Transfer receive : receives) {
                Communicator.checked(nccl.ncclRecv(
                        at(receive.array(), receive.from()),
                        receive.count(),
                        type(receive.array()),
                        receive.peer(),
                        comm,
                        stream));
            }
        });
    }

    /** A communicator of its own: NCCL's split would ask the ranks outside as well. */
    @Override
    public Collective subgroup(int[] ranks) {
        Ranks.subgroup(ranks, rank(), size());
        if (ranks.length == 1) {
            return new SoloCollective();
        }
        NcclCollective subgroup = over(sockets.subgroup(ranks), PATIENCE, Communicator::close);
        subgroups.add(subgroup);
        return subgroup;
    }

    @Override
    public Collective beside() {
        NcclCollective other = beside;
        if (other == null) {
            other = over(sockets.beside(), PATIENCE, Communicator::close);
            subgroups.add(other);
            beside = other;
        }
        return other;
    }

    /** The sockets first: that is how the peers learn of it. */
    @Override
    public void abort() {
        sockets.abort();
        subgroups.forEach(NcclCollective::abort);
        communicator.abort();
    }

    @Override
    public void close() {
        subgroups.forEach(NcclCollective::close);
        retire.accept(communicator);
        sockets.close();
    }

    private static boolean onDevice(NDArray array) {
        try (cudaPointerAttributes attributes = new cudaPointerAttributes()) {
            Communicator.cuda(cudart.cudaPointerGetAttributes(attributes, at(array, 0)));
            int type = attributes.type();
            return type == cudart.cudaMemoryTypeDevice || type == cudart.cudaMemoryTypeManaged;
        }
    }

    private static Pointer at(NDArray array, long from) {
        return new At(Memory.address(array, from));
    }

    private static final class At extends Pointer {
        At(long address) {
            super((Pointer) null);
            this.address = address;
        }
    }

    private static int type(NDArray array) {
        DataType type = array.getDataType();
        return switch (type) {
            case FLOAT32 -> nccl.ncclFloat32;
            case FLOAT64 -> nccl.ncclFloat64;
            case INT64 -> nccl.ncclInt64;
            default -> throw new IllegalArgumentException("no collective over " + type);
        };
    }
}
