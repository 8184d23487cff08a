package io.swav.membership;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.PeerAddress;
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

/** Forms a world: connects its members and gives all of them the same state. */
public final class WorldFormation {
    private static final Logger LOG = LoggerFactory.getLogger(WorldFormation.class);
    private static final int DIGEST_LONGS = 4;

    private final PeerListener listener;
    private final CollectiveFactory factory;
    private final WorldSource worlds;
    private final ReachTracker reach;
    private final Duration deadline;

    /**
     * @param reach finds out whom this process reaches while a world does not form
     * @param deadline time for all members to connect; detecting a source that hangs later is up to the operator
     */
    public WorldFormation(
            PeerListener listener,
            CollectiveFactory factory,
            WorldSource worlds,
            ReachTracker reach,
            Duration deadline) {
        this.listener = listener;
        this.factory = factory;
        this.worlds = worlds;
        this.reach = reach;
        this.deadline = deadline;
    }

    /**
     * Connects the members of this world; cancelled as soon as a later world is seen.
     *
     * @param stop polled; true cancels the attempt, too
     * @throws CollectiveException if the members could not be connected, or the attempt was cancelled
     */
    public Collective connect(World world, int rank, BooleanSupplier stop) {
        reach.forming(world);
        List<TcpMesh.Peer> peers = peers(world);
        BooleanSupplier cancelled = () -> worlds.newest().generation() > world.generation() || stop.getAsBoolean();
        Collective sockets = TcpMesh.connect(listener, rank, peers, world.generation(), deadline, cancelled);
        return factory.over(sockets, peers.stream().map(TcpMesh.Peer::uid).toList(), cancelled);
    }

    /** Marks that the world whose members were connected last has formed. */
    public void formed() {
        reach.formed();
    }

    /** Whether any rank below this one answers, in this world or in a later one. All are asked at once. */
    public boolean answersBelow(World world, int rank) {
        List<TcpMesh.Peer> peers = peers(world);
        List<CompletableFuture<Boolean>> answers = IntStream.range(0, rank)
                .mapToObj(peer -> CompletableFuture.supplyAsync(
                        () -> TcpMesh.probe(listener, peers.get(peer)).isEmpty(),
                        call -> new Thread(call, "call").start()))
                .toList();
        return answers.stream().anyMatch(CompletableFuture::join);
    }

    private static List<TcpMesh.Peer> peers(World world) {
        return world.members().stream().map(WorldFormation::peer).toList();
    }

    static TcpMesh.Peer peer(World.Member member) {
        return new TcpMesh.Peer(member.uid(), address(member));
    }

    /**
     * Agrees on the newest state and sends it to the ranks that do not have it.
     *
     * @throws CollectiveException if a peer was lost; the rank then still has the state it had before
     */
    public static void shareState(Collective collective, TrainingState state) {
        try (NDManager manager = TorchRuntime.root()) {
            StateElection election = elect(collective, state);
            if (election.step() == StateElection.NOTHING) {
                if (collective.rank() == 0) {
                    state.begin();
                }
                election = elect(collective, state);
            }
            int[] participants = election.participants();
            int me = Arrays.binarySearch(participants, collective.rank());
            if (me < 0) {
                return;
            }
            LOG.info(
                    "sending the state of step {} from rank {} to ranks {}",
                    election.step(),
                    election.source(),
                    election.outdatedRanks());
            Collective group = collective.subgroup(participants);
            int root = Arrays.binarySearch(participants, election.source());
            if (collective.rank() == election.source()) {
                state.arrays().forEach(array -> group.broadcast(array, root));
                group.synchronize();
            } else {
                receive(group, root, state, election.step(), manager);
            }
        }
    }

    /**
     * Receives the whole state before it replaces any array. The source may die while it sends, so until then an outdated
     * rank keeps its own state and a newcomer its seeded initial state, which may still be needed.
     */
    private static void receive(Collective group, int root, TrainingState state, long step, NDManager manager) {
        List<NDArray> whole = new ArrayList<>();
        for (NDArray array : state.arrays()) {
            NDArray copy = manager.create(array.getShape(), array.getDataType());
            group.broadcast(copy, root);
            whole.add(copy);
        }
        group.synchronize();
        Iterator<NDArray> from = whole.iterator();
        state.arrays().forEach(array -> TorchOps.copy(from.next(), array));
        state.received(step);
    }

    /**
     * Waits for all ranks (a barrier), so that none begins a step in a world that another rank abandons for a later one
     * while the state is still being transferred.
     *
     * @return the newest generation that every rank has seen
     */
    public static long barrier(Collective collective, long newestGeneration) {
        try (NDManager manager = host()) {
            NDArray least = manager.create(new long[] {newestGeneration});
            collective.allReduceMin(least);
            return least.getLong(0);
        }
    }

    private static StateElection elect(Collective collective, TrainingState state) {
        long[] mine = new long[1 + DIGEST_LONGS];
        mine[0] = state.step();
        if (state.step() >= 0) {
            ByteBuffer.wrap(state.digest()).asLongBuffer().get(mine, 1, DIGEST_LONGS);
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

    /** Arrays of the agreement are small and stay in host memory. */
    private static NDManager host() {
        return TorchRuntime.host();
    }

    private static InetSocketAddress address(World.Member member) {
        // a member without an address is alone in its world, so no peer calls it
        return PeerAddress.parse(member.address())
                .map(at -> InetSocketAddress.createUnresolved(at.host(), at.port()))
                .orElseGet(() -> InetSocketAddress.createUnresolved("", 0));
    }
}
