package io.swav.local;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/** The ports of 127.0.0.1 on which the control plane's processes listen. */
record ControlPlanePorts(int etcd, int etcdPeer, int api) {
    static ControlPlanePorts free() {
        List<Integer> ports = free(3);
        return new ControlPlanePorts(ports.get(0), ports.get(1), ports.get(2));
    }

    boolean areFree() {
        return Stream.of(etcd, etcdPeer, api).allMatch(ControlPlanePorts::isFree);
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Distinct free ports. They are below the range from which the kernel assigns ephemeral ports, because the processes
     * that will listen on them start later and may be restarted.
     */
    static List<Integer> free(int count) {
        List<Integer> ports = ThreadLocalRandom.current()
                .ints(1000, 20_000, 30_000)
                .distinct()
                .filter(ControlPlanePorts::isFree)
                .limit(count)
                .boxed()
                .toList();
        if (ports.size() < count) {
            throw new LocalClusterException(
                    "no free port on 127.0.0.1 between 20000 and 30000: end some of the processes that listen there");
        }
        return ports;
    }
}
