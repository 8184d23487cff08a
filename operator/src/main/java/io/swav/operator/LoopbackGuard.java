package io.swav.operator;

import java.io.IOException;
import java.net.InetAddress;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Lets only programs of this user, and no web page of another site, read what is served on a loopback address. Every user
 * of the machine can connect to it, and so can a page in a browser here whose site resolves to 127.0.0.1 (DNS rebinding):
 * such a request names the site in its Host header.
 */
final class LoopbackGuard {
    private static final int ROOT = 0;

    private final Set<String> hosts;
    private final int user;

    /** @param address on which the server listens */
    LoopbackGuard(InetAddress address) throws IOException {
        String own = address.getHostAddress();
        hosts = Stream.of("localhost", "127.0.0.1", "[::1]", own, "[" + own + "]")
                .collect(Collectors.toSet());
        user = SocketOwner.self();
    }

    /** Returns why this request is refused; empty if it is not. */
    Optional<String> refusal(HttpCall call) {
        if (call.hosts().size() != 1 || !hosts.contains(withoutPort(call.hosts().get(0)))) {
            return Optional.of("refused: this address serves this machine only, as localhost or 127.0.0.1");
        }
        Optional<Integer> owner = SocketOwner.of(call.remote(), call.local());
        return owner.filter(uid -> uid == user || uid == ROOT).isPresent()
                ? Optional.empty()
                : Optional.of("refused: this address serves the user that runs the operator"
                        + (owner.isEmpty() ? ", and the user of this connection is unknown" : ""));
    }

    private static String withoutPort(String host) {
        return host.replaceFirst(":\\d{1,5}$", "").toLowerCase(Locale.ROOT);
    }
}
