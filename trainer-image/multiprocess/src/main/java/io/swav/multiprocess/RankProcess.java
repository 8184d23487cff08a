package io.swav.multiprocess;

import io.swav.api.TrainerEnv;
import io.swav.collective.Collective;
import io.swav.collective.FrameProtection;
import io.swav.collective.PeerListener;
import io.swav.collective.TcpMesh;
import io.swav.common.DaemonThreads;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The child's side of {@link ProcessGroup}: sends its port, receives the ports of all ranks, and joins the world. It
 * ends when its parent does, because its standard input then ends.
 */
public final class RankProcess {
    static final String PREFIX = "@ ";
    private static final Duration DEADLINE = Duration.ofSeconds(60);

    private RankProcess() {}

    /**
     * Forms the world of the processes that were started together.
     *
     * @param rank the first argument that {@link ProcessGroup} passes
     * @param size the second argument
     */
    public static Collective join(int rank, int size) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String key = in.readLine();
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        FrameProtection protection = FrameProtection.of(System.getenv().getOrDefault(TrainerEnv.ENCRYPTION, ""));
        try (PeerListener listener =
                PeerListener.open(uid(rank), key.getBytes(StandardCharsets.UTF_8), protection, any)) {
            say(String.valueOf(listener.port()));
            String[] ports = in.readLine().split(",", -1);
            endWithParent(in);
            List<TcpMesh.Peer> peers = new ArrayList<>();
            for (int peer = 0; peer < size; peer++) {
                peers.add(new TcpMesh.Peer(
                        uid(peer),
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(ports[peer]))));
            }
            return TcpMesh.connect(listener, rank, peers, 1, DEADLINE, () -> false);
        }
    }

    private static String uid(int rank) {
        return "rank-" + rank;
    }

    /** Sends a line to the parent; all other standard output is only logged. */
    public static void say(String line) {
        System.out.println(PREFIX + line);
        System.out.flush();
    }

    private static void endWithParent(BufferedReader in) {
        DaemonThreads.start("parent-watch", () -> {
            try {
                while (in.readLine() != null) {
                    // no further input is expected
                }
            } catch (IOException e) {
                // the parent has ended all the same
            }
            Runtime.getRuntime().halt(1);
        });
    }
}
