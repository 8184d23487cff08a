package io.swav.conformance;

import io.swav.collective.Collective;
import io.swav.collective.PeerListener;
import io.swav.collective.TcpMesh;
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
 * The child's side of {@link ProcessGroup}: says its port, learns everyone's, joins the world. It ends when its parent
 * does, because its standard input then ends.
 */
public final class RankProcess {
    static final String PREFIX = "@ ";
    private static final Duration DEADLINE = Duration.ofSeconds(60);

    private RankProcess() {}

    /**
     * Forms the world of the processes started together.
     *
     * @param rank and {@code size} as {@link ProcessGroup} passes them first
     */
    public static Collective join(int rank, int size) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String key = in.readLine();
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (PeerListener listener = PeerListener.open(uid(rank), key.getBytes(StandardCharsets.UTF_8), any)) {
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

    /** A line for the parent; anything else on standard output is only a log. */
    public static void say(String line) {
        System.out.println(PREFIX + line);
        System.out.flush();
    }

    private static void endWithParent(BufferedReader in) {
        Thread watch = new Thread(
                () -> {
                    try {
                        while (in.readLine() != null) {
                            // nothing more is expected
                        }
                    } catch (IOException e) {
                        // ended all the same
                    }
                    Runtime.getRuntime().halt(1);
                },
                "parent-watch");
        watch.setDaemon(true);
        watch.start();
    }
}
