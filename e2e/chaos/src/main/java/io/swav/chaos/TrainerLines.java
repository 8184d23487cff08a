package io.swav.chaos;

import io.swav.api.TrainerEnv;
import io.swav.chaos.TrainerLines.Way.Open;
import io.swav.local.LocalClusterException;
import io.swav.local.PrivateFiles;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Puts a proxy in front of the port of every trainer. A trainer's address is its pod's name. The name is 127.0.0.1 to the
 * trainer itself, which listens there, and 127.0.0.2 to its peers, where the proxy has the same port. So the trainers run
 * as they are: a hosts file of its own gives each of them these addresses.
 */
final class TrainerLines implements AutoCloseable {
    private static final String TRAINER = "127.0.0.1";
    private static final String PROXY = "127.0.0.2";
    private static final byte[] PROXY_BYTES = {127, 0, 0, 2};
    /** More pods than a storm has. */
    private static final int PODS = 200;

    /** How an unreachable trainer's port treats its callers. */
    enum Block {
        REFUSE("no program listens at its port"),
        SILENCE("its port accepts connections and never answers");

        final String words;

        Block(String words) {
            this.words = words;
        }
    }

    /** What is at the address at which peers call a trainer. */
    sealed interface Way extends Closeable {
        record Open(LineProxy proxy) implements Way {
            @Override
            public void close() throws IOException {
                proxy.close();
            }
        }

        /** The system accepts connections until its backlog is full, and no program serves them. */
        record Silent(ServerSocket listener) implements Way {
            @Override
            public void close() throws IOException {
                listener.close();
            }
        }

        record Refusing() implements Way {
            @Override
            public void close() {}
        }
    }

    private record Trainer(int port, Way way) {}

    private final Map<String, Trainer> trainers = new HashMap<>();
    private @Nullable Block next;

    /**
     * Writes the hosts files.
     *
     * @param job name of the job; its pods are numbered
     * @return the environment of its trainers; {@code SWAV_POD} must be set before
     */
    static Map<String, String> environment(Path folder, String job, String javaOptions) {
        try {
            PrivateFiles.folder(folder);
            for (int i = 0; i < PODS; i++) {
                PrivateFiles.write(folder.resolve(job + "-" + i), hosts(job, i));
            }
        } catch (IOException e) {
            throw new LocalClusterException("cannot write the hosts files in " + folder, e);
        }
        return Map.of(
                TrainerEnv.POD_IP,
                "$(" + TrainerEnv.POD + ")",
                StormJob.JAVA_OPTIONS,
                javaOptions + " -Djdk.net.hosts.file=" + folder + "/$(" + TrainerEnv.POD + ")");
    }

    private static String hosts(String job, int own) {
        return Stream.concat(
                        Stream.of(TRAINER + " localhost"),
                        IntStream.range(0, PODS).mapToObj(i -> (i == own ? TRAINER : PROXY) + " " + job + "-" + i))
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /**
     * Puts a proxy before each trainer that has none.
     *
     * @param ports of the trainers, by pod
     */
    synchronized void serve(Map<String, Integer> ports) {
        ports.forEach((pod, port) -> {
            if (!trainers.containsKey(pod)) {
                free(port);
                trainers.put(pod, new Trainer(port, way(pod, port)));
            }
        });
    }

    /** Ends what an ended trainer's port has left behind: the system has given the port to another trainer. */
    private void free(int port) {
        trainers.values().stream().filter(trainer -> trainer.port() == port).forEach(TrainerLines::close);
    }

    private Way way(String pod, int port) {
        Block block = next;
        try {
            InetSocketAddress at = new InetSocketAddress(InetAddress.getByAddress(PROXY_BYTES), port);
            if (block == null) {
                return new Open(new LineProxy(pod, at, new InetSocketAddress(InetAddress.getLoopbackAddress(), port)));
            }
            next = null;
            return block == Block.REFUSE ? new Way.Refusing() : new Way.Silent(silent(at));
        } catch (IOException e) {
            throw new LocalClusterException("cannot listen at " + PROXY + ":" + port + " before " + pod + ": " + e, e);
        }
    }

    private static ServerSocket silent(InetSocketAddress at) throws IOException {
        ServerSocket listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(at);
        return listener;
    }

    /** Makes the next new trainer unreachable for its life. */
    synchronized void blockNext(Block block) {
        next = block;
    }

    /** Lets the next new trainer be reached after all. */
    synchronized void blockNone() {
        next = null;
    }

    /** Lets the first bytes that pass before one of these pods carry out the damage. */
    synchronized void damage(Collection<String> pods, LineDamage damage) {
        pods.stream()
                .flatMap(pod -> Optional.ofNullable(trainers.get(pod)).stream())
                .forEach(trainer -> {
                    if (trainer.way() instanceof Open open) {
                        open.proxy().damage(damage);
                    }
                });
    }

    private static void close(Trainer trainer) {
        try {
            trainer.way().close();
        } catch (IOException e) {
            throw new LocalClusterException("cannot close the proxy of port " + trainer.port(), e);
        }
    }

    @Override
    public synchronized void close() {
        trainers.values().forEach(TrainerLines::close);
    }
}
