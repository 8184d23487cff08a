package io.swav.operator;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * Serves {@code /healthz} (200 if the operator works, otherwise 503 and why), {@code /livez} (503 only for what a
 * restart solves), {@code /metrics} for Prometheus, and {@code /}, the jobs for a browser.
 */
final class HttpEndpoints implements AutoCloseable {
    private static final String PLAIN = "text/plain; version=0.0.4; charset=utf-8";

    private final HttpServer server;
    private final ExecutorService threads = Executors.newFixedThreadPool(2);

    /**
     * Starts serving.
     * @param address to listen at; port 0 takes any free one. On a loopback address, {@link LoopbackGuard} applies
     * @param problems what is wrong, empty if all is well
     * @param fatalProblems what is wrong and will not end by itself
     */
    HttpEndpoints(
            InetSocketAddress address,
            Supplier<List<String>> problems,
            Supplier<List<String>> fatalProblems,
            Supplier<String> metrics,
            Supplier<String> page)
            throws IOException {
        server = HttpServer.create(address, 0);
        server.setExecutor(threads);
        List<Filter> guards =
                address.getAddress().isLoopbackAddress() ? List.of(new LoopbackGuard(address.getAddress())) : List.of();
        Map.<String, HttpHandler>of(
                        "/healthz", exchange -> health(exchange, problems.get()),
                        "/livez", exchange -> health(exchange, fatalProblems.get()),
                        "/metrics", exchange -> answer(exchange, HttpURLConnection.HTTP_OK, PLAIN, metrics.get()),
                        "/", exchange -> page(exchange, page))
                .forEach((path, handler) ->
                        server.createContext(path, handler).getFilters().addAll(guards));
        server.start();
    }

    int port() {
        return server.getAddress().getPort();
    }

    private static void page(HttpExchange exchange, Supplier<String> page) throws IOException {
        if (!exchange.getRequestURI().getPath().equals("/")) { // this context gets every path that no other one takes
            answer(
                    exchange,
                    HttpURLConnection.HTTP_NOT_FOUND,
                    PLAIN,
                    "not found; the paths are /, /metrics, /healthz and /livez\n");
            return;
        }
        exchange.getResponseHeaders().add("Content-Security-Policy", JobPage.POLICY);
        exchange.getResponseHeaders().add("X-Content-Type-Options", "nosniff");
        exchange.getResponseHeaders().add("Cache-Control", "no-store");
        answer(exchange, HttpURLConnection.HTTP_OK, "text/html; charset=utf-8", page.get());
    }

    private static void health(HttpExchange exchange, List<String> problems) throws IOException {
        answer(
                exchange,
                problems.isEmpty() ? HttpURLConnection.HTTP_OK : HttpURLConnection.HTTP_UNAVAILABLE,
                PLAIN,
                problems.isEmpty() ? "ok\n" : String.join("\n", problems) + "\n");
    }

    private static void answer(HttpExchange exchange, int code, String type, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", type);
        exchange.sendResponseHeaders(code, body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdown();
    }
}
