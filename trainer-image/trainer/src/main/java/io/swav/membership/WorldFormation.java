package io.swav.membership;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.PeerAddress;
import io.swav.api.TrainerReport;
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
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Forms a world: connects its members and gives all of them the same state. */
public final class WorldFormation {
    private static final Logger LOG = LoggerFactory.getLogger(WorldFormation.class);
    private static final long CANCEL_MILLIS = 20;

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
        // a peer that has left for a later world keeps the connection, so that nothing else would end an exchange with
        // it
        PeriodicTask watch = new PeriodicTask("forming-watch", CANCEL_MILLIS, () -> {
            if (cancelled.getAsBoolean()) {
                sockets.abort();
            }
        });
        try (watch) {
            return factory.over(sockets, peers.stream().map(TcpMesh.Peer::uid).toList(), cancelled);
        }
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
     * The result of sharing a state.
     *
     * @param computesAlike whether equal states stay equal bit for bit in this world
     * @param divergence of the states that the members brought; empty if those of the same step were equal
     */
    public record Shared(boolean computesAlike, Optional<TrainerReport.Divergence> divergence) {}

    /**
     * Agrees on the newest state and sends it to the ranks that do not have it.
     *
     * @param stages receives how long comparing, resuming and sending take
     * @throws CollectiveException if a peer was lost; the rank then still has the state it had before
     * @throws DisagreementException on all ranks alike if they may not train together; nothing was sent then
     */
    public static Shared shareState(World world, Collective collective, TrainingState state, ChangeStages stages) {
        MemberComparison members = MemberComparison.of(collective, state, world);
        members.requireAgreement(world, collective, state);
        StateElection election = StateElection.of(members.offers());
        stages.end("compare");
        if (election.step() == StateElection.NOTHING) {
            if (collective.rank() == 0) {
                state.begin();
            }
            members = MemberComparison.of(collective, state, world);
            election = StateElection.of(members.offers());
            stages.end("resume");
        }
        Course course = members.course(collective, election, state, world);
        send(election, collective, state);
        state.follow(course); // it belongs to the state that this rank holds now
        stages.end("send");
        state.agreed(digest(members.offers().get(election.source())));
        boolean alike = members.computesAlike();
        return new Shared(alike, alike ? Divergences.describe(world, election, members.offers()) : Optional.empty());
    }

    /**
     * Compares the states of all ranks, which have the same number of steps.
     *
     * @throws CollectiveException on all ranks alike if they differ; forming the world again replaces those that are
     *     wrong
     */
    public static void requireEqualStates(Collective collective, TrainingState state) {
        MemberComparison members = MemberComparison.of(collective, state, World.none(""));
        if (!StateElection.of(members.offers()).outdatedRanks().isEmpty()) {
            throw new CollectiveException(Divergences.found(state.step()));
        }
        state.agreed(digest(members.offers().get(0)));
    }

    private static byte[] digest(StateElection.Offer offer) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * offer.digest().size());
        offer.digest().forEach(bytes::putLong);
        return bytes.array();
    }

    private static void send(StateElection election, Collective collective, TrainingState state) {
        try (NDManager manager = TorchRuntime.root()) {
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

    private static InetSocketAddress address(World.Member member) {
        // a member without an address is alone in its world, so no peer calls it
        return PeerAddress.parse(member.address())
                .map(at -> InetSocketAddress.createUnresolved(at.host(), at.port()))
                .orElseGet(() -> InetSocketAddress.createUnresolved("", 0));
    }
}
