package io.swav.elastic;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.World;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.PeerListener;
import io.swav.collective.TcpMesh;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Brings the members of a world together, with one and the same state. */
public final class Forming {
    private static final Logger LOG = LoggerFactory.getLogger(Forming.class);
    private static final int DIGEST_LONGS = 4;

    private final PeerListener listener;
    private final WorldSource worlds;
    private final Duration deadline;

    /** @param deadline for everyone to be connected; a source that hangs later is the operator's to find */
    public Forming(PeerListener listener, WorldSource worlds, Duration deadline) {
        this.listener = listener;
        this.worlds = worlds;
        this.deadline = deadline;
    }

    /** Connects the mesh of this world; called off as soon as a later world is seen. */
    public Collective connect(World world, int rank) {
        List<TcpMesh.Peer> peers = world.members().stream()
                .map(member -> new TcpMesh.Peer(member.uid(), address(member)))
                .toList();
        return TcpMesh.connect(
                listener,
                rank,
                peers,
                world.generation(),
                deadline,
                () -> worlds.newest().generation() > world.generation());
    }

    /**
     * Agrees on the newest state and brings it to the ranks behind.
     *
     * @throws CollectiveException when a peer was lost; the state of a rank that was receiving is then undefined, and
     *     its {@link Replica#step} is −1
     */
    public static void share(Collective collective, Replica replica) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Agreement agreement = agree(collective, replica, manager);
            if (agreement.step() == Agreement.NOTHING) {
                if (collective.rank() == 0) {
                    replica.begin();
                }
                agreement = agree(collective, replica, manager);
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
            boolean receiving = collective.rank() != agreement.source();
            if (receiving) {
                replica.received(Agreement.NOTHING);
            }
            Collective group = collective.subgroup(party);
            int root = Arrays.binarySearch(party, agreement.source());
            for (NDArray array : replica.arrays()) {
                group.broadcast(array, root);
            }
            if (receiving) {
                replica.received(agreement.step());
            }
        }
    }

    private static Agreement agree(Collective collective, Replica replica, NDManager manager) {
        long[] mine = new long[1 + DIGEST_LONGS];
        mine[0] = replica.step();
        if (replica.step() >= 0) {
            ByteBuffer.wrap(replica.digest()).asLongBuffer().get(mine, 1, DIGEST_LONGS);
        }
        NDArray all = manager.zeros(new Shape(collective.size(), mine.length), DataType.INT64);
        collective.allGather(manager.create(mine), all);
        long[] flat = all.toLongArray();
        List<Agreement.Offer> offers = new ArrayList<>();
        for (int at = 0; at < flat.length; at += mine.length) {
            List<Long> digest =
                    Arrays.stream(flat, at + 1, at + mine.length).boxed().toList();
            offers.add(new Agreement.Offer(flat[at], digest));
        }
        return Agreement.of(offers);
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
