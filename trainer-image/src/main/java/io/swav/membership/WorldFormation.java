package io.swav.membership;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.World;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.PeerListener;
import io.swav.collective.TcpMesh;
import io.swav.collective.nccl.CollectiveFactory;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings the members of a world together, with one and the same state. */
public final class WorldFormation {
    private static final Logger LOG = LoggerFactory.getLogger(WorldFormation.class);
    private static final int DIGEST_LONGS = 4;

    private final PeerListener listener;
    private final CollectiveFactory transport;
    private final WorldSource worlds;
    private final Duration deadline;

    /** @param deadline for everyone to be connected; a source that hangs later is the operator's to find */
    public WorldFormation(PeerListener listener, CollectiveFactory transport, WorldSource worlds, Duration deadline) {
        this.listener = listener;
        this.transport = transport;
        this.worlds = worlds;
        this.deadline = deadline;
    }

    /**
     * Connects the members of this world; called off as soon as a later world is seen.
     *
     * @param off calls it off, too
     */
    public Collective connect(World world, int rank, BooleanSupplier off) {
        List<TcpMesh.Peer> peers = peers(world);
        BooleanSupplier cancelled = () -> worlds.newest().generation() > world.generation() || off.getAsBoolean();
        Collective sockets = TcpMesh.connect(listener, rank, peers, world.generation(), deadline, cancelled);
        return transport.over(sockets, peers.stream().map(TcpMesh.Peer::uid).toList(), cancelled);
    }

    /** Whether a rank below this one is there, of this world or gone on to a later one; all are asked at once. */
    public boolean answersBelow(World world, int rank) {
        List<TcpMesh.Peer> peers = peers(world);
        List<CompletableFuture<Boolean>> answers = IntStream.range(0, rank)
                .mapToObj(peer -> CompletableFuture.supplyAsync(
                        () -> TcpMesh.answers(listener, rank, peer, peers.get(peer), world.generation()),
                        call -> new Thread(call, "call").start()))
                .toList();
        return answers.stream().anyMatch(CompletableFuture::join);
    }

    private static List<TcpMesh.Peer> peers(World world) {
        return world.members().stream()
                .map(member -> new TcpMesh.Peer(member.uid(), address(member)))
                .toList();
    }

    /**
     * Agrees on the newest state and brings it to the ranks behind.
     *
     * @throws CollectiveException when a peer was lost; every rank then has the state it had before
     */
    public static void share(Collective collective, TrainingState replica) {
        try (NDManager manager = TorchRuntime.root()) {
            StateElection agreement = agree(collective, replica);
            if (agreement.step() == StateElection.NOTHING) {
                if (collective.rank() == 0) {
                    replica.begin();
                }
                agreement = agree(collective, replica);
            }
            int[] party = agreement.party();
            int me = Arrays.binarySearch(party, collective.rank());
            if (me < 0) {
                return;
            }
            LOG.info(
                    "state of step {} goes from rank {} to ranks {}",
                    agreement.step(),
                    agreement.source(),
                    agreement.behind());
            Collective group = collective.subgroup(party);
            int root = Arrays.binarySearch(party, agreement.source());
            if (collective.rank() == agreement.source()) {
                replica.arrays().forEach(array -> group.broadcast(array, root));
                group.synchronize();
            } else {
                receive(group, root, replica, agreement.step(), manager);
            }
        }
    }

    /**
     * The source may die while it sends: until all of the newer state is there, a laggard keeps its own, and a newcomer
     * its seeded start, which it may yet need.
     */
    private static void receive(Collective group, int root, TrainingState replica, long step, NDManager manager) {
        List<NDArray> whole = new ArrayList<>();
        for (NDArray array : replica.arrays()) {
            NDArray copy = manager.create(array.getShape(), array.getDataType());
            group.broadcast(copy, root);
            whole.add(copy);
        }
        group.synchronize();
        Iterator<NDArray> from = whole.iterator();
        replica.arrays().forEach(array -> TorchOps.copy(from.next(), array));
        replica.received(step);
    }

    /**
     * Meets all ranks once more, so that none begins a step in a world that another gives up for a later one while the
     * state is still on its way.
     *
     * @return the newest generation that every rank has seen
     */
    public static long together(Collective collective, long newestGeneration) {
        try (NDManager manager = host()) {
            NDArray least = manager.create(new long[] {newestGeneration});
            collective.allReduceMin(least);
            return least.getLong(0);
        }
    }

    private static StateElection agree(Collective collective, TrainingState replica) {
        long[] mine = new long[1 + DIGEST_LONGS];
        mine[0] = replica.step();
        if (replica.step() >= 0) {
            ByteBuffer.wrap(replica.digest()).asLongBuffer().get(mine, 1, DIGEST_LONGS);
        }
        long[] flat;
        try (NDManager manager = host()) {
            NDArray all = manager.zeros(new Shape(collective.size(), mine.length), DataType.INT64);
            collective.allGather(manager.create(mine), all);
            flat = all.toLongArray();
        }
        List<StateElection.Offer> offers = new ArrayList<>();
        for (int at = 0; at < flat.length; at += mine.length) {
            List<Long> digest =
                    Arrays.stream(flat, at + 1, at + mine.length).boxed().toList();
            offers.add(new StateElection.Offer(flat[at], digest));
        }
        return StateElection.of(offers);
    }

    /** What is agreed on is small, and stays in host memory. */
    private static NDManager host() {
        return TorchRuntime.host();
    }

    private static InetSocketAddress address(World.Member member) {
        int colon = member.address().lastIndexOf(':');
        if (colon < 0) {
            // alone in its world, nobody calls it
            return InetSocketAddress.createUnresolved("", 0);
        }
        String host = member.address().substring(0, colon).replaceAll("[\\[\\]]", "");
        return InetSocketAddress.createUnresolved(
                host, Integer.parseInt(member.address().substring(colon + 1)));
    }
}
