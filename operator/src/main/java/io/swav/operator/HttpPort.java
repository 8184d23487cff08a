package io.swav.operator;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.server.handler.SizeLimitHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a few pages on one port, with threads of its own. Waiting for a client needs no thread, so slow clients delay
 * nobody. A connection carries one request, and ends after {@link #LONGEST} at the latest.
 */
final class HttpPort implements AutoCloseable {
    /** Connections at the same time. When more come, the earliest is closed. */
    static final int CONNECTIONS = 256;
    /** How long a connection may last: Prometheus waits 10 s for a scrape, unless it is configured otherwise. */
    static final Duration LONGEST = Duration.ofSeconds(30);
    /** How long a connection may be silent. */
    static final Duration IDLE = Duration.ofSeconds(10);
    /** Bytes of a request's line and headers; a ServiceAccount's token has about 1,000. */
    static final int HEADER_BYTES = 8192;
    /** Bytes of a request's body, which nothing here reads. */
    static final int BODY_BYTES = 1024;

    private static final int THREADS = 8;
    private static final Logger LOG = LoggerFactory.getLogger(HttpPort.class);

    private final Server server;
    private final ServerConnector connector;

    /**
     * Starts serving.
     *
     * @param name of the port, for threads and messages
     * @param address to listen at; port 0 takes any free one. On a loopback address, {@link LoopbackGuard} applies to all
     *     pages
     * @param pages by path
     * @throws IOException if the address or port cannot be listened at
     */
    HttpPort(String name, InetSocketAddress address, Map<String, Function<HttpCall, HttpAnswer>> pages)
            throws IOException {
        QueuedThreadPool threads = new QueuedThreadPool(THREADS, 2);
        threads.setName("http-" + name);
        threads.setDaemon(true);
        server = new Server(threads);
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setPersistentConnectionsEnabled(false);
        http.setRequestHeaderSize(HEADER_BYTES);
        connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        connector.setHost(address.getAddress().getHostAddress());
        connector.setPort(address.getPort());
        connector.setAcceptQueueSize(CONNECTIONS);
        connector.setIdleTimeout(IDLE.toMillis());
        connector.addEventListener(new ConnectionLimits(connector.getScheduler(), CONNECTIONS, LONGEST));
        server.addConnector(connector);
        Optional<LoopbackGuard> guard = address.getAddress().isLoopbackAddress()
                ? Optional.of(new LoopbackGuard(address.getAddress()))
                : Optional.empty();
        SizeLimitHandler limits = new SizeLimitHandler(BODY_BYTES, -1);
        limits.setHandler(new Pages(name, guard, new TreeMap<>(pages)));
        server.setHandler(limits);
        server.setErrorHandler(new PlainErrors());
        try {
            server.start();
        } catch (Exception e) { // Jetty declares no other
            close();
            throw e instanceof IOException problem ? problem : new IOException("the port of " + name + ": " + e, e);
        }
    }

    int port() {
        return connector.getLocalPort();
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) { // Jetty declares no other
            LOG.debug("while the port closes", e);
        }
    }

    /** Finds the page of a request. */
    private static final class Pages extends Handler.Abstract {
        private final String name;
        private final Optional<LoopbackGuard> guard;
        private final Map<String, Function<HttpCall, HttpAnswer>> pages;

        Pages(String name, Optional<LoopbackGuard> guard, Map<String, Function<HttpCall, HttpAnswer>> pages) {
            this.name = name;
            this.guard = guard;
            this.pages = pages;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            HttpAnswer answer = answer(request);
            response.setStatus(answer.status());
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, answer.contentType());
            response.getHeaders().put(HttpHeader.CONTENT_LENGTH, answer.body().remaining());
            answer.headers().forEach(response.getHeaders()::put);
            response.write(true, answer.body(), Callback.from(callback, answer.sent()));
            return true;
        }

        private HttpAnswer answer(Request request) {
            HttpCall call = call(request);
            Optional<String> refusal = guard.flatMap(g -> g.refusal(call));
            if (refusal.isPresent()) {
                return HttpAnswer.plain(HttpURLConnection.HTTP_FORBIDDEN, refusal.get());
            }
            Function<HttpCall, HttpAnswer> page = pages.get(Request.getPathInContext(request));
            if (page == null) {
                return HttpAnswer.plain(
                        HttpURLConnection.HTTP_NOT_FOUND,
                        "not found; the paths of this port are " + String.join(", ", pages.keySet()));
            }
            if (!request.getMethod().equals("GET") && !request.getMethod().equals("HEAD")) {
                return HttpAnswer.of(
                        HttpURLConnection.HTTP_BAD_METHOD,
                        HttpAnswer.PLAIN,
                        "this page can only be read: GET, HEAD\n",
                        Map.of("Allow", "GET, HEAD"));
            }
            try {
                return page.apply(call);
            } catch (RuntimeException e) {
                LOG.error("cannot answer a request to the port of {}", name, e);
                return HttpAnswer.plain(
                        HttpURLConnection.HTTP_INTERNAL_ERROR, "an error of the operator; its log has the cause");
            }
        }

        private static HttpCall call(Request request) {
            ConnectionMetaData connection = request.getConnectionMetaData();
            return new HttpCall(
                    inet(connection.getRemoteSocketAddress()),
                    inet(connection.getLocalSocketAddress()),
                    request.getHeaders().getValuesList(HttpHeader.HOST),
                    Optional.ofNullable(request.getHeaders().get(HttpHeader.AUTHORIZATION)),
                    request.getHeaders().contains(HttpHeader.ACCEPT_ENCODING, "gzip"),
                    Optional.ofNullable(Request.extractQueryParameters(request).getValue("namespace")));
        }

        private static InetSocketAddress inet(SocketAddress address) {
            return address instanceof InetSocketAddress inet ? inet : InetSocketAddress.createUnresolved("unknown", 0);
        }
    }

    /** Answers what Jetty itself refuses, in a line of text. */
    private static final class PlainErrors extends ErrorHandler {
        @Override
        protected void generateResponse(
                Request request, Response response, int code, String message, Throwable cause, Callback callback) {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, HttpAnswer.PLAIN);
            byte[] body = (code + " " + (message == null ? "" : message.toLowerCase(Locale.ROOT)) + "\n")
                    .getBytes(StandardCharsets.UTF_8);
            response.write(true, ByteBuffer.wrap(body), callback);
        }
    }
}
