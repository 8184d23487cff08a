package io.swav.trainer;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
import io.swav.collective.PeerListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** Opens the port at which a trainer's peers connect. */
final class PeerPort {
    private PeerPort() {}

    /**
     * Opens the port.
     *
     * @param alone whether no peer will connect
     * @throws TrainerExitException if a key is missing, or the port is in use
     */
    static PeerListener open(boolean alone, TrainerEnvironment env) {
        if (!alone && env.key().isEmpty()) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG,
                    "peers need a common key: set " + TrainerEnv.HANDSHAKE + " to the same value for all of them");
        }
        String key = env.key().isEmpty() ? UUID.randomUUID().toString() : env.key();
        InetSocketAddress at = listenAddress(alone, env);
        try {
            return PeerListener.open(env.podUid(), key.getBytes(StandardCharsets.UTF_8), env.protection(), at);
        } catch (BindException e) {
            throw new TrainerExitException(
                    ExitCodes.PORT_IN_USE,
                    "port " + env.port() + " (" + TrainerEnv.PORT
                            + ") is in use on this host: free it, choose another, or"
                            + " leave it out to use any free port",
                    e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot listen at " + at, e);
        }
    }

    /**
     * Returns the address to listen at. Peers that call a loopback address are on this machine, as all pods of a local
     * cluster are; then no other machine can connect. In a real cluster a pod's address is never a loopback one.
     */
    static InetSocketAddress listenAddress(boolean alone, TrainerEnvironment env) {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        if (alone) {
            return new InetSocketAddress(loopback, env.port());
        }
        try {
            InetAddress own = InetAddress.getByName(env.podIp());
            return own.isLoopbackAddress() ? new InetSocketAddress(own, env.port()) : new InetSocketAddress(env.port());
        } catch (UnknownHostException e) {
            return new InetSocketAddress(env.port()); // a name that only its peers can resolve
        }
    }
}
