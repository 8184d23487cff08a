package io.swav.operator;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
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
final class LoopbackGuard extends Filter {
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

    @Override
    public String description() {
        return "refuses web pages of other sites, and other users";
    }

    @Override
    public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
        Optional<String> refusal = refusal(exchange);
        if (refusal.isEmpty()) {
            chain.doFilter(exchange);
            return;
        }
        byte[] body = (refusal.get() + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(HttpURLConnection.HTTP_FORBIDDEN, body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    private Optional<String> refusal(HttpExchange exchange) {
        List<String> named =
                Optional.ofNullable(exchange.getRequestHeaders().get("Host")).orElse(List.of());
        if (named.size() != 1 || !hosts.contains(withoutPort(named.get(0)))) {
            return Optional.of("refused: this address serves this machine only, as localhost or 127.0.0.1");
        }
        Optional<Integer> owner = SocketOwner.of(exchange.getRemoteAddress(), exchange.getLocalAddress());
        return owner.filter(uid -> uid == user || uid == ROOT).isPresent()
                ? Optional.empty()
                : Optional.of("refused: this address serves the user that runs the operator"
                        + (owner.isEmpty() ? ", and the user of this connection is unknown" : ""));
    }

    private static String withoutPort(String host) {
        return host.replaceFirst(":\\d{1,5}$", "").toLowerCase(Locale.ROOT);
    }
}
